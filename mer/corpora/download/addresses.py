"""Where corpora that anyone may download are published: addresses, sizes, digests. Data only.

The addresses are those that the publishers documented in 2026-11. They are not tested. Digests are given by publishers
or taken from their repositories. Three addresses have no https: their files are checked by size, by the check sums of
the archive, and by the number of utterances.
"""

from collections.abc import Callable, Sequence

from mer.corpora.download import cremad
from mer.corpora.download.source import GB, MB, DownloadSource, File, Unpack

MELD = "https://raw.githubusercontent.com/declare-lab/MELD/2d2011b409d3ca2d7e94460cd007d434b1d0a102/data"
OPENSLR = ("https://www.openslr.org", "https://openslr.elda.org", "https://openslr.trmal.net")
EMOVDB = {
    "bea": ("Amused", "Angry", "Disgusted", "Neutral", "Sleepy"),
    "jenie": ("Amused", "Angry", "Disgusted", "Neutral", "Sleepy"),
    "josh": ("Amused", "Neutral", "Sleepy"),
    "sam": ("Amused", "Angry", "Disgusted", "Neutral", "Sleepy"),
}
NON_COMMERCIAL = "no commercial use"
RESEARCH = "for research only"

FORMS = frozenset({"afew", "esd", "esd_mandarin", "iemocap", "mead", "mosei", "savee"})
"""Corpora that require a signature, a registration or consent in person. They are never downloaded here."""


def _returning(*files: File) -> Callable[[], Sequence[File]]:
    return lambda: files


def _zenodo(record: int, name: str, unpacked: int, **details) -> File:
    urls = (
        f"https://zenodo.org/records/{record}/files/{name}?download=1",
        f"https://zenodo.org/api/records/{record}/files/{name}/content",
    )
    return File(name, urls, unpack=Unpack(unpacked), **details)


def _github(repository: str, limit: int, unpacked: int, skip: str = r"(?!)") -> File:
    # GitHub packs archives at each request: neither their size nor their digest stays the same
    url = f"https://github.com/{repository}/archive/HEAD.zip"
    return File("repository.zip", (url,), limit=limit, unpack=Unpack(unpacked, skip=skip))


def _csv(path: str, size: int, sha256: str) -> File:
    return File(path.rsplit("/", 1)[1], (f"{MELD}/{path}",), size, f"sha256:{sha256}")


SOURCES: dict[str, DownloadSource] = {
    "cafe": DownloadSource(
        folder="CaFE",
        files=_returning(_zenodo(1478765, "CaFE_48k.zip", 2 * GB, limit=GB)),
        space=2 * GB,
        terms=NON_COMMERCIAL,
        licence="https://zenodo.org/records/1478765",
    ),
    "cremad": DownloadSource(folder="CREMA-D", files=cremad.recordings, space=620 * MB),
    "emodb": DownloadSource(
        folder="emodb",
        files=_returning(
            File(
                "download.zip",
                ("http://emodb.bilderbar.info/download/download.zip",),
                limit=100 * MB,
                unpack=Unpack(300 * MB),
            )
        ),
        space=200 * MB,
    ),
    "emorynlp": DownloadSource(
        folder="EmoryNLP",
        files=_returning(
            _csv(
                "emorynlp/emorynlp_train_final.csv",
                771_777,
                "462c66c333783adb801836d12d1424f48489bef4fb8ddfec7fbb2f08ce8211d5",
            ),
            _csv(
                "emorynlp/emorynlp_dev_final.csv",
                93_130,
                "20edc9d5917fe705b17b849f7f288e495d4132a60353a6247c3800445bdf8734",
            ),
            _csv(
                "emorynlp/emorynlp_test_final.csv",
                100_280,
                "dbc4b5638acd12c92a5f48def829e04f1c765cddffb4eedbe34216312e0d2d78",
            ),
        ),
        space=MB,
        terms=RESEARCH,
        licence="https://github.com/emorynlp/emotion-detection",
    ),
    "emospeechin": DownloadSource(
        folder="EmoSpeech-IN",
        files=_returning(_github("RakshakTeam/emospeech-dataset-v1", limit=3 * GB, unpacked=6 * GB)),
        space=2 * GB,
        terms=NON_COMMERCIAL,
        licence="https://github.com/RakshakTeam/emospeech-dataset-v1",
    ),
    "emovdb": DownloadSource(
        folder="EmoV-DB",
        files=_returning(
            *(
                File(
                    f"{speaker}_{emotion}.tar.gz",
                    tuple(f"{mirror}/resources/115/{speaker}_{emotion}.tar.gz" for mirror in OPENSLR),
                    limit=1500 * MB,
                    unpack=Unpack(3 * GB, into=f"{speaker}_{emotion}"),
                )
                for speaker, emotions in EMOVDB.items()
                for emotion in emotions
            ),
            File("cmuarctic.data", ("http://www.festvox.org/cmu_arctic/cmuarctic.data",), limit=MB),
        ),
        space=7 * GB,
        terms=NON_COMMERCIAL,
        licence="https://github.com/numediart/EmoV-DB/blob/master/LICENSE.md",
    ),
    "emozionalmente": DownloadSource(
        folder="Emozionalmente",
        files=_returning(_zenodo(6569824, "emozionalmente_dataset.zip", 4 * GB, limit=2 * GB)),
        space=2 * GB,
    ),
    "meld": DownloadSource(
        folder="MELD",
        files=_returning(
            File(
                "MELD.Raw.tar.gz",
                (
                    "https://huggingface.co/datasets/declare-lab/MELD/resolve/main/MELD.Raw.tar.gz",
                    "http://web.eecs.umich.edu/~mihalcea/downloads/MELD.Raw.tar.gz",
                ),
                limit=12 * GB,
                # its lists are older than those below and have broken quotation marks
                unpack=Unpack(16 * GB, depth=2, skip=r"(.*/)?[^/]*_sent_emo\.csv"),
            ),
            _csv(
                "MELD/train_sent_emo.csv",
                1_119_290,
                "d2fa2d6529cf03cac2989efec05c9b27d8fd2f4c8fc5974c7ae88aa537fa02db",
            ),
            _csv(
                "MELD/dev_sent_emo.csv",
                121_640,
                "2e89c6f8aa182d6f62f8c6331aece905ac7273ca4999660bfb5213e1d0370c1c",
            ),
            _csv(
                "MELD/test_sent_emo.csv",
                294_526,
                "8d37103938f7067600839fe29d5a114a6cd1bcdafb75bec101e06464c5006888",
            ),
        ),
        space=23 * GB,
        terms=RESEARCH,
        licence="https://github.com/declare-lab/MELD",
    ),
    "nemo": DownloadSource(
        folder="nEMO",
        files=_returning(_github("amu-cai/nEMO", limit=2 * GB, unpacked=3 * GB)),
        space=2 * GB,
        terms=NON_COMMERCIAL,
        licence="https://github.com/amu-cai/nEMO",
    ),
    "ravdess": DownloadSource(
        folder="RAVDESS",
        files=_returning(
            _zenodo(
                1188976,
                "Audio_Speech_Actors_01-24.zip",
                GB,
                bytes=208_468_073,
                digest="md5:bc696df654c87fed845eb13823edef8a",
            )
        ),
        space=800 * MB,
        terms=NON_COMMERCIAL,
        licence="https://zenodo.org/records/1188976",
    ),
    "ravdess_song": DownloadSource(
        folder="RAVDESS song",
        files=_returning(
            _zenodo(
                1188976,
                "Audio_Song_Actors_01-24.zip",
                GB,
                bytes=225_505_317,
                digest="md5:5411230427d67a21e18aa4d466e6d1b9",
            )
        ),
        space=800 * MB,
        terms=NON_COMMERCIAL,
        licence="https://zenodo.org/records/1188976",
    ),
    "subesco": DownloadSource(
        folder="SUBESCO",
        files=_returning(
            _zenodo(
                4526477,
                "SUBESCO.zip",
                4 * GB,
                bytes=1_664_512_929,
                digest="md5:13d702cf944bf54d70d66bffc036ed7a",
            )
        ),
        space=4 * GB,
    ),
    "tess": DownloadSource(
        folder="TESS",
        files=_returning(),
        space=600 * MB,
        terms=NON_COMMERCIAL,
        licence="https://doi.org/10.5683/SP2/E8H2MF",
        dataverse=("https://borealisdata.ca", "doi:10.5683/SP2/E8H2MF"),
    ),
    "turevdb": DownloadSource(
        folder="TurEV-DB",
        # the repository also holds filtered copies of recordings under the same names, and their spectrograms
        files=_returning(
            _github("Xeonen/TurEV-DB", limit=3 * GB, unpacked=4 * GB, skip=r"[^/]+/Model Output for Test Data/.*")
        ),
        space=3 * GB,
        terms=NON_COMMERCIAL,
        licence="https://github.com/Xeonen/TurEV-DB",
    ),
    "urdu": DownloadSource(
        folder="URDU",
        files=_returning(_github("siddiquelatif/URDU-Dataset", limit=500 * MB, unpacked=GB)),
        space=600 * MB,
        terms=RESEARCH,
        licence="https://github.com/siddiquelatif/URDU-Dataset",
    ),
}
"""Maps a corpus to its source."""
