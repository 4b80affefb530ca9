"""Convert models: the paper's published checkpoints to a model folder, or a checkpoint of MER to ONNX; see `--help`.

    python -m mer.models convert FUSION …
    python -m mer.models onnx CHECKPOINT

Exit codes: 0 if the files were written, 2 if not.
"""

import argparse
import sys
from pathlib import Path

from mer import commands, files

EPILOG = """
typical:
  python -m mer.models convert weights/AFEW/fusion.pth --audio weights/AFEW/audio.pth --text weights/AFEW/text.pth \\
      --video models/FER_static_ResNet50_AffectNet.pt --trained-on afew --out models/afew
  python -m mer.predict my.mp4 --model models/afew --transcribe whisper --whisper openai/whisper-base

The weights are in the folder that the README of github.com/SMIL-SPCRAS/MER links to. The two public networks are
downloaded from the Hugging Face hub at first use. Of the weights for a held-out corpus
(LOCO/MELD_encoders/test_AFEW.pth), --trained-on names all others: iemocap meld mosei.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    return options.run(options)


def _onnx(options: argparse.Namespace) -> int:
    """Write the ONNX file of a checkpoint, the description of its front end, and by how much predictions differ."""
    from mer.training.onnx import check, export, front_end

    out = options.out or Path(f"{options.checkpoint.resolve().name}.onnx")
    try:
        stored = export.export(options.checkpoint, out)
        described = front_end.describe(stored)
        difference = check.difference(options.checkpoint, out)
    except BrokenPipeError:
        raise
    except (ImportError, OSError, ValueError) as error:  # among them those of checkpoints and of missing packages
        print(f"onnx: {error}", file=sys.stderr)
        return 2
    files.write_json(out.with_suffix(".json"), described)
    print(f"{out}: {', '.join(f'{name} {width}' for name, width in stored.card.widths.items())} -> "
          f"{', '.join(stored.card.classes)}")  # fmt: skip
    print(f"{out.with_suffix('.json')}: how the vectors are made")
    print(difference.sentence())
    return 0


def _convert(options: argparse.Namespace) -> int:
    """Write a model folder from published checkpoints."""
    from mer.training.checkpoints import published

    sources = published.PublishedFiles(
        options.fusion, options.audio, options.video, options.text,
        options.audio_network or published.AUDIO_NETWORK, options.text_network or published.TEXT_NETWORK,
    )  # fmt: skip
    classes = options.classes.split(",") if options.classes else ()
    try:
        card = published.convert(sources, options.out, options.trained_on, classes, options.multi_label)
    except BrokenPipeError:
        raise
    except (ImportError, OSError, ValueError) as error:  # among them those of checkpoints and of missing networks
        print(f"convert: {error}", file=sys.stderr)
        return 2
    print(f"{files.to_root(options.out)}: {', '.join(f'{name} {width}' for name, width in card.widths.items())}")
    print(f"classes: {', '.join(card.classes)}")
    print(f"trained on: {', '.join(card.corpora)}; the text network also on {', '.join(published.TEXT_CORPORA)}")
    print(f"next: python -m mer.predict FILE_OR_FOLDER --model {files.to_root(options.out)} --transcribe whisper "
          "--whisper openai/whisper-base")  # fmt: skip
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mer.models", description=__doc__.splitlines()[0])
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = subcommands.add_parser(
        "convert", help="published checkpoints to a model folder", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = command.add_argument
    add("fusion", type=Path, metavar="FUSION", help="fusion weights, such as AFEW/fusion.pth")
    for name, example in (("audio", "AFEW/audio.pth"), ("text", "AFEW/text.pth"),
                          ("video", "FER_static_ResNet50_AffectNet.pt, which the published scripts load, or "
                                    "AFEW/video.pth")):  # fmt: skip
        add(f"--{name}", type=Path, required=True, metavar="FILE", help=f"weights of the {name} network: {example}")
    add("--trained-on", nargs="+", required=True, metavar="CORPUS",
        help="ids of the corpora that any of the files was trained on; LOCO on them is refused")  # fmt: skip
    add("--out", type=Path, required=True, metavar="FOLDER", help="the model folder")
    add("--classes", metavar="NAME,NAME", help="what the logits mean, in order; needed unless there are seven")
    add("--multi-label", action="store_true", help="classes occur together, as in the weights for CMU-MOSEI")
    add("--audio-network", metavar="NETWORK", help="folder or hub name of the network that --audio was tuned from")
    add("--text-network", metavar="NETWORK", help="folder or hub name of the network that --text was tuned from")
    command.set_defaults(run=_convert)
    command = subcommands.add_parser("onnx", help="a checkpoint to an ONNX file, from vectors to probabilities")
    command.add_argument("checkpoint", type=Path, help="a checkpoint, such as outputs/demo/checkpoints/gated-seed0")
    command.add_argument("--out", type=Path, metavar="FILE", help="the file (default: CHECKPOINT.onnx here)")
    command.set_defaults(run=_onnx)
    return parser


if __name__ == "__main__":
    sys.exit(commands.run(main))
