"""The extractor `resnet50`: the features of torchvision's ResNet-50."""

from mer.features.extractor import Extractor
from mer.features.video import resnet
from mer.features.video.clips import by_face

EXTRACTOR = Extractor(
    version=resnet.VERSION,
    describe=lambda section: {"width": 2 * resnet.RESNET50_WIDTH, **resnet.describe(section)},
    open=by_face(resnet.resnet50, resnet.smooth_crop),
    scaling="each",
    trained=True,
)
