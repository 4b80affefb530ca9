"""Protocols and trainings depend on no check and no message of the audit."""

import ast

import pytest

from mer import code_dependencies


@pytest.mark.parametrize(
    "module",
    [
        "mer.evaluation.protocols.cells",
        "mer.evaluation.protocols.jobs",
        "mer.training.grid",
        "mer.evaluation.scores.flags",
    ],
)
def test_the_audit_is_not_imported(module):
    modules = code_dependencies.CodeDependencies([ast.parse(f"import {module}")]).modules
    assert "mer.dataset" in modules
    assert not [name for name in modules if name.startswith("mer.dataset.audit")]
