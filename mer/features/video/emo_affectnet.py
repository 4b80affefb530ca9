"""The extractor `emo_affectnet`: the features of EMO-AffectNet (Ryumina et al. 2022)."""

from mer.features.extractor import Extractor
from mer.features.video import resnet
from mer.features.video.clips import by_face

EXTRACTOR = Extractor(
    version=resnet.VERSION,
    describe=lambda section: {"width": 2 * resnet.EMO_AFFECTNET_WIDTH, **resnet.describe(section)},
    open=by_face(resnet.emo_affectnet, resnet.nearest_crop),
    scaling="each",
    trained=True,
)
