"""What leads around a web site and is no part of the page: menus, bars of links, footers, permalinks.

Manuals repeat it on every page, and search would find it everywhere. It is told by what the page says of
itself: landmarks of ARIA (https://www.w3.org/TR/wai-aria-1.2/#landmark_roles), tags, and the class names that
the generators of manuals use; never by guessing from the share of links.
"""

from __future__ import annotations

from lxml import etree

from ingest.parse_unstructured import Tree

__all__ = ["drop_navigation"]

_ROLES = frozenset({"navigation", "search", "contentinfo"})
# Sphinx and its themes, DocBook, Doxygen, Javadoc, Texinfo, MkDocs, Docusaurus, MediaWiki, Jupyter
_CLASSES = frozenset(
    """
    sphinxsidebar related headerlink wy-nav-side wy-nav-top wy-breadcrumbs rst-footer-buttons rst-versions
    bd-header bd-sidebar bd-sidebar-primary bd-sidebar-secondary prev-next-area prev-next-footer
    navheader navfooter id_link navpath navrow topnav subnav bottomnav nav-panel node-nav
    md-header md-tabs md-sidebar md-footer hash-link pagination-nav theme-doc-breadcrumbs
    breadcrumb breadcrumbs skip-link skiplink skipnav anchor-link anchorjs-link mw-editsection mw-jump-link
    """.split()
)
# These may also be parts of the content: they go only where they belong to the page as a whole
_OF_THE_PAGE = frozenset({"footer", "site-footer", "page-footer"})
_INSIDE = ("main", "article", "section", "blockquote", "figure", "td")
_LOOKED_AT = ("div", "header", "footer", "a", "p", "ul", "ol", "table", "section", "aside", "span", "li")
_DROPPED = "dropped"


def drop_navigation(root: Tree) -> None:
    """Take navigation out of a tree of html_root(), in place; the text that follows it stays."""
    led = [element for element in root.iter(*_LOOKED_AT) if _leads_around(element)]
    for element in led:
        element.tag = _DROPPED
    if led:
        etree.strip_elements(root, _DROPPED, with_tail=False)


def _leads_around(element: Tree) -> bool:
    tag, about = element.tag, element.attrib
    if not about and tag not in ("header", "footer"):
        return False
    role, classes = about.get("role"), about.get("class", "").split()
    if tag == "header" or role == "banner":
        # the title of the page may stand there
        return not _is_inside(element) and next(element.iter("h1", "h2", "h3"), None) is None
    if tag == "footer" or not _OF_THE_PAGE.isdisjoint(classes):
        return not _is_inside(element)
    if tag == "a" and about.get("aria-hidden") == "true":
        return True
    return role in _ROLES or "hidden" in about or not _CLASSES.isdisjoint(classes)


def _is_inside(element: Tree) -> bool:
    return next(element.iterancestors(*_INSIDE), None) is not None
