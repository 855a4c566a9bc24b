"""What leads around a site is left out of its pages; what looks like it and is content stays."""

import pytest

from rag.errors import UnreadableFileError


def page(inner, title="T"):
    return f"<html><head><title>{title}</title></head><body>{inner}</body></html>".encode()


SPHINX = """<div class="related" role="navigation"><h3>Navigation</h3><ul><li>index</li></ul></div>
<div class="document"><div class="body" role="main"><h1>os<a class="headerlink" href="#os">¶</a></h1>
<p>A module.</p><dl><dt>os.open(path)<a class="headerlink" href="#x">¶</a></dt><dd><p>Opens it.</p></dd></dl>
<p>See<a role="doc-noteref" href="#n"> [1]</a>.</p></div></div>
<div class="sphinxsidebar" role="navigation"><h3>Table of Contents</h3><h4>Previous topic</h4></div>
<div class="footer" role="contentinfo">&copy; Copyright.</div>"""
DOCBOOK = """<div class="navheader"><table><tr><th colspan="3">Chapter 2</th></tr><tr><td>Prev</td><td>Up</td>
<td>Next</td></tr></table><hr></div>
<div class="sect1"><h2>2.1. Scope<a class="id_link">#</a></h2><p>Text.</p></div>
<div class="navfooter"><hr><table><tr><td>Prev</td><td>Home</td><td>Next</td></tr></table></div>"""
MODERN = """<header><a href="/">Company</a><nav>Menu</nav></header><a class="skip-link" href="#c">Skip</a>
<ol class="breadcrumb"><li>Home</li><li>Docs</li></ol><article><header><h1>休假</h1><p>By Ann.</p></header>
<p>每年十天。</p><footer>Reviewed in March.</footer></article>
<p hidden>not shown</p><footer>Imprint</footer>"""
BANNER = """<header id="title-block-header"><h1>Title</h1><p>Ann Lee</p></header><p>Text.</p>"""


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        (SPHINX, "os\n\nA module.\n\nos.open(path)\n\nOpens it.\n\nSee [1]."),
        (DOCBOOK, "2.1. Scope\n\nText."),
        (MODERN, "休假\n\nBy Ann.\n\n每年十天。\n\nReviewed in March."),
        (BANNER, "Title\n\nAnn Lee\n\nText."),
        ("<nav>Only a menu, and text <p>in it</p></nav><div role='navigation'>Links</div>", "Links"),
        ("<p>One <span class='mw-editsection'>[edit]</span> line</p>", "One line"),
    ],
)
def test_pages(read, inner, text):
    assert read("a.html", page(inner)).text == text


def test_answers_that_open_on_a_click_and_captions_are_kept(outline):
    inner = """<h2>FAQ</h2><details><summary>Wie viele Tage?</summary><p>Zehn Tage.</p></details>
    <figure><img src="a.png" alt="x"><figcaption>图一 总览</figcaption></figure>
    <form><p>Inside of a form.</p><select><option>no</option></select></form>"""
    assert outline("a.html", page(inner)) == [
        ("heading", "", "FAQ"),
        ("text", "FAQ", "Wie viele Tage?"),
        ("text", "FAQ", "Zehn Tage."),
        ("text", "FAQ", "图一 总览"),
        ("text", "FAQ", "Inside of a form."),
    ]


def test_paragraphs_in_a_cell_are_parted(read):
    inner = (
        "<table><tr><th>A</th><th>B</th></tr><tr><td><p>one</p><p>two</p></td><td>1<br>2</td></tr></table>"
    )
    assert read("a.html", page(inner)).text == "A | B\none two | 1 2"


def test_pages_nested_too_deeply(read):
    with pytest.raises(UnreadableFileError, match="nested too deeply"):
        read("a.html", page("<p>first</p>" + "<div>" * 3000 + "deep" + "</div>" * 3000))
    assert read("b.html", page("<div>" * 200 + "deep" + "</div>" * 200)).text == "deep"
