/** pdf.js: opening a document and drawing a page with its text and its marks. */

import { getDocument, GlobalWorkerOptions, type PDFDocumentLoadingTask, type PDFDocumentProxy, TextLayer } from "pdfjs-dist";
import workerUrl from "pdfjs-dist/build/pdf.worker.min.mjs?url";
import { address } from "../api/client";
import type { Boxes } from "../api/types";
import styles from "./pdf.module.css";

GlobalWorkerOptions.workerSrc = workerUrl;

export function open(document: string): PDFDocumentLoadingTask {
  return getDocument({
    url: address(`/documents/${document}/original`),
    cMapUrl: "/pdfjs/cmaps/",
    cMapPacked: true,
    standardFontDataUrl: "/pdfjs/standard_fonts/",
    wasmUrl: "/pdfjs/wasm/",
    // the CSP forbids eval, and a document's scripts are none of the reader's
    isEvalSupported: false,
    enableXfa: false,
  });
}

/** Draw a page into `sheet`, `width` CSS pixels wide. Rectangles are in PDF points, origin at the bottom left. */
export function draw(
  file: PDFDocumentProxy,
  number: number,
  sheet: HTMLElement,
  width: number,
  rects: Boxes["rects"],
): { cancel: () => void } {
  let cancel = () => {};
  let gone = false;
  const work = async () => {
    const page = await file.getPage(number);
    if (gone) return;
    const scale = width / page.getViewport({ scale: 1 }).width;
    const viewport = page.getViewport({ scale });
    const canvas = document.createElement("canvas");
    const density = Math.min(devicePixelRatio, 2);
    canvas.width = Math.floor(viewport.width * density);
    canvas.height = Math.floor(viewport.height * density);
    const rendering = page.render({ canvas, viewport, transform: [density, 0, 0, density, 0, 0] });
    cancel = () => rendering.cancel();
    await rendering.promise;
    if (gone) return;
    const words = document.createElement("div");
    words.className = styles.words!;
    words.style.setProperty("--total-scale-factor", String(scale));
    const marks = rects.map((rect) => markOf(viewport.convertToViewportRectangle(rect), viewport));
    sheet.replaceChildren(canvas, ...marks, words);
    void marks[0]?.scrollIntoView({ block: "center" });
    const layer = new TextLayer({ textContentSource: page.streamTextContent(), container: words, viewport });
    cancel = () => layer.cancel();
    await layer.render();
  };
  work().catch((error: unknown) => {
    // a drawing that was given up for a newer one is no failure
    if (!gone) throw error;
  });
  return {
    cancel: () => {
      gone = true;
      cancel();
    },
  };
}

function markOf(corners: number[], page: { width: number; height: number }): HTMLElement {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = corners;
  const mark = document.createElement("div");
  mark.className = styles.mark!;
  mark.dataset.highlight = "quote";
  const share = (value: number, of: number) => `${(100 * value) / of}%`;
  mark.style.left = share(Math.min(x0, x1), page.width);
  mark.style.top = share(Math.min(y0, y1), page.height);
  mark.style.width = share(Math.abs(x1 - x0), page.width);
  mark.style.height = share(Math.abs(y1 - y0), page.height);
  return mark;
}
