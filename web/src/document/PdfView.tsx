import type { PDFDocumentProxy } from "pdfjs-dist";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { problemFrom, type Problem } from "../api/client";
import type { Boxes } from "../api/types";
import { IconButton } from "../ui/Button";
import { ProblemNote } from "../ui/Problem";
import { Spinner } from "../ui/Spinner";
import styles from "./DocumentPane.module.css";
import type { Target } from "./opened";
import { draw, open } from "./pdf";

interface PdfViewProps {
  target: Target;
  page: number;
  boxes: Boxes | undefined;
}

/** A page of a PDF, with the rectangles of the quote that the server has placed; with none it marks nothing. */
export default function PdfView({ target, page, boxes }: PdfViewProps) {
  const { t } = useTranslation();
  const [file, setFile] = useState<PDFDocumentProxy | null>(null);
  const [number, setNumber] = useState(page);
  const [problem, setProblem] = useState<Problem | null>(null);

  useEffect(() => {
    let gone = false;
    const task = open(target.document);
    task.promise.then(
      (opened) => !gone && setFile(opened),
      (error: unknown) => !gone && setProblem(problemFrom(error)),
    );
    return () => {
      gone = true;
      void task.destroy();
    };
  }, [target.document]);

  if (problem) return <ProblemNote problem={problem} />;
  if (!file) return <Spinner label={t("loading")} />;
  const rects = boxes && boxes.page === number ? boxes.rects : [];
  return (
    <>
      <div className={styles.pages}>
        <IconButton icon="left" label={t("document.before")} disabled={number <= 1} onClick={() => setNumber(number - 1)} />
        <span aria-live="polite">{t("document.number", { page: number, of: file.numPages })}</span>
        <IconButton
          icon="right"
          label={t("document.after")}
          disabled={number >= file.numPages}
          onClick={() => setNumber(number + 1)}
        />
      </div>
      {target.quote && boxes?.rects.length === 0 && <p className={styles.unplaced}>{t("document.unplaced_page")}</p>}
      <Page file={file} number={Math.min(number, file.numPages)} rects={rects} />
    </>
  );
}

function Page({ file, number, rects }: { file: PDFDocumentProxy; number: number; rects: Boxes["rects"] }) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const sheet = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);

  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    watch.observe(scroller.current!);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    if (!width || !sheet.current) return;
    const drawing = draw(file, number, sheet.current, width, rects);
    return drawing.cancel;
  }, [file, number, width, rects]);

  return (
    <div className={styles.scroller} ref={scroller} tabIndex={0} role="region" aria-label={t("document.number", { page: number, of: file.numPages })}>
      <div ref={sheet} className={styles.sheet} />
    </div>
  );
}
