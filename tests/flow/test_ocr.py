"""A scanned letter of two pages, English and Chinese, slightly turned and noisy, is found by its content and
cited to the right page.
"""

import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ingest.parse import Parser
from ingest.pipeline import ingest
from rag.assistant import Assistant
from rag.errors import UnreadableFileError
from rag.index.dense import DenseIndex
from rag.models.embedder import Embedder
from rag.models.folder import read_record
from rag.searcher import Searcher
from rag.settings import GeneratorSettings, IngestSettings, Settings, load_settings
from rag.store import Store
from rag.types import User

FONTS = ("opentype/noto/NotoSansCJK-Regular.ttc", "truetype/wqy/wqy-zenhei.ttc")
ENGLISH = (
    "Cork, 3 February 2026",
    "Dear Ms Walsh,",
    "The pump in hall seven leaked on Monday and was stopped at once.",
    "The new seal costs 4711 EUR and arrives on 19 March.",
    "Please keep the inlet valve closed until then.",
    "Yours sincerely, Fergal Byrne",
)
CHINESE = (
    "尊敬的客户：",
    "贵公司的水质分析仪已经修理完毕，保修期延长至二十四个月。",
    "维修费用为3600元，请在三十天内付款。",
    "更换的零件包括进水阀、密封圈和光源，旧零件随仪器一并寄回。",
    "今后请每月清洗一次流通池，每季度校准一次零点。",
    "仪器将于三月十九日由物流公司送达贵公司仓库，请安排人员签收。",
    "如有问题，请致电苏州服务部。",
)
TRADITIONAL = (
    "尊敬的客戶：",
    "貴公司的水質分析儀已經修理完畢，保修期延長至二十四個月。",
    "維修費用為3600元，請在三十天內付款。",
    "今後請每月清洗一次流通池，每季度校準一次零點。",
)
NOTE = ("The boiler of the eastern wing is inspected", "by Marta Keller on 7 October.")


def missing():
    if shutil.which("tesseract") is None:
        return "tesseract is not installed (tesseract-ocr)"
    if not {"eng", "chi_sim"} <= languages():
        return "tesseract's languages eng and chi_sim are not installed (tesseract-ocr-chi-sim)"
    return "" if font() else "there is no font with Chinese characters (fonts-noto-cjk)"


def languages():
    command = ["tesseract", "--list-langs"]
    return set(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())


def font():
    return next((path for name in FONTS if (path := Path("/usr/share/fonts") / name).exists()), None)


pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(bool(missing()), reason=missing() or "all is there"),
]


def page(lines, angle, seed):
    """A page of A4 at 200 dots per inch, as a scanner gives it."""
    sheet = Image.new("L", (1654, 2339), 255)
    pen, type_ = ImageDraw.Draw(sheet), ImageFont.truetype(str(font()), 40)
    for number, line in enumerate(lines):
        pen.text((170, 220 + 90 * number), line, fill=20, font=type_)
    turned = np.asarray(sheet.rotate(angle, fillcolor=250, resample=Image.Resampling.BICUBIC), np.int16)
    noise = np.random.default_rng(seed).normal(0, 14, turned.shape)
    return Image.fromarray(np.clip(turned + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A question -> the answer from the scanned letter and some other papers."""
    base = load_settings()
    if read_record(base.models_dir / base.embedder.model) is None:
        pytest.skip("the embedder's weights are not here; `citewell model pull` fetches them")
    root = tmp_path_factory.mktemp("ocr")
    docs = root / "docs"
    docs.mkdir()
    scan = io.BytesIO()
    page(ENGLISH, 1.2, 1).save(
        scan, "PDF", resolution=200, save_all=True, append_images=[page(CHINESE, -0.9, 2)]
    )
    (docs / "letter.pdf").write_bytes(scan.getvalue())
    page(NOTE, 0.8, 3).save(docs / "note.png")
    for n in range(5):
        (docs / f"canteen-{n}.txt").write_text(
            f"# Canteen {n}\n\nThe canteen serves soup number {n} at noon."
        )
    settings = Settings(home=root / "home", generator=GeneratorSettings(enabled=False))
    store, embedder = Store.open(settings), Embedder.load(base.embedder, base.models_dir)
    report = ingest([docs], settings=settings, store=store, embedder=embedder)
    assert report.failed == ()
    assert report.added == 7
    index = DenseIndex(store, settings.index_dir, embedder)
    assistant = Assistant(settings, store, Searcher(store, embedder, index), None)
    yield assistant
    store.close()


@pytest.mark.parametrize(
    ("question", "number", "phrases"),
    [
        ("What does the new seal cost?", 1, ("4711 EUR", "19 March")),
        ("水质分析仪的保修期延长至多少个月？", 2, ("二十四个月", "水质分析仪")),
        ("维修费用是多少？请在多少天内付款？", 2, ("3600元", "三十天")),
    ],
)
async def test_a_scanned_letter_is_found_and_cited_to_its_page(asked, question, number, phrases):
    hits = await asked.search(question, k=5, user=User())
    letter = [hit for hit in hits if hit.document.source.endswith("letter.pdf")]
    assert letter
    assert letter[0].chunk.page == number
    # blanks that tesseract puts between Han characters are gone
    assert all(phrase in letter[0].chunk.text for phrase in phrases)
    assert not re.search(r"[\u4e00-\u9fff] [\u4e00-\u9fff]", letter[0].chunk.text)
    answer = await asked.ask(question, user=User())
    cited = [c for c in answer.citations if c.source.endswith("letter.pdf")]
    assert cited
    assert cited[0].page == number
    assert any(phrase in c.quote for c in cited for phrase in phrases)


@pytest.mark.parametrize("noise", [1, 2])
def test_traditional_and_simplified_are_told_apart(noise):
    if "chi_tra" not in languages():
        pytest.skip("tesseract's language chi_tra is not installed (tesseract-ocr-chi-tra)")
    with Parser(IngestSettings()) as parser:
        for lines, own, other in ((CHINESE, "维修", "維修"), (TRADITIONAL, "維修", "维修")):
            picture = io.BytesIO()
            page(lines, -0.9, noise).save(picture, "PNG")
            text = "\n".join(block.text for block in parser.parse(picture.getvalue(), "a.png").blocks)
            assert own in text
            assert other not in text


async def test_a_picture_is_found_by_its_words(asked):
    hits = await asked.search("Who inspects the boiler of the eastern wing?", k=5, user=User())
    assert any(hit.document.source.endswith("note.png") for hit in hits)


def test_a_file_in_a_script_that_no_model_knows_is_given_up_soon():
    lines = (
        "Руководство по созданию пакетов",
        "Введение и сборка исходного кода",
        "Практика и тестирование",
    ) * 3
    scan = io.BytesIO()
    first, *others = [page(lines, 0, seed) for seed in range(8)]
    first.save(scan, "PDF", resolution=200, save_all=True, append_images=others)
    with (
        Parser(IngestSettings(ocr_languages="chi_sim")) as parser,
        pytest.raises(UnreadableFileError) as raised,
    ):
        parser.parse(scan.getvalue(), "manual.pdf")
    assert "hardly legible to OCR, or in a language that is not in chi_sim" in raised.value.message
