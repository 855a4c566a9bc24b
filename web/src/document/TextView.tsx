import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { json, problemFrom } from "../api/client";
import { useText } from "../api/queries";
import type { TextWindow } from "../api/types";
import { Button } from "../ui/Button";
import { ProblemNote } from "../ui/Problem";
import { Spinner } from "../ui/Spinner";
import styles from "./DocumentPane.module.css";
import type { Target } from "./opened";
import { parts, type Piece, withEarlier, withLater } from "./window";

/** The text of a document around the quoted words, which are marked only where they are those very words. */
export function TextView({ target }: { target: Target }) {
  const { t } = useTranslation();
  const first = useText(target.document, target.start, target.end);
  if (first.isPending) return <Spinner label={t("loading")} />;
  if (first.error) return <ProblemNote problem={problemFrom(first.error)} retry={() => void first.refetch()} />;
  return <Text target={target} first={first.data} />;
}

function Text({ target, first }: { target: Target; first: TextWindow }) {
  const { t } = useTranslation();
  const [piece, setPiece] = useState<Piece>({ text: first.text, from: first.from });
  const [whole, setWhole] = useState(false);
  const mark = useRef<HTMLElement>(null);
  const { before, quoted, after } = parts(piece, target);

  useEffect(() => {
    void mark.current?.scrollIntoView({ block: "center" });
  }, []);

  const fetchAt = (at: number) =>
    json<TextWindow>(`/documents/${target.document}/text`, { query: { start: at, end: at } });

  async function earlier() {
    setPiece(withEarlier(piece, await fetchAt(piece.from)));
  }

  async function later() {
    const end = piece.from + Array.from(piece.text).length;
    const grown = withLater(piece, await fetchAt(end));
    setWhole(grown.text === piece.text);
    setPiece(grown);
  }

  return (
    <div className={styles.scroller} tabIndex={0} role="region" aria-label={t("document.text")}>
      {target.quote && !quoted && <p className={styles.unplaced}>{t("document.unplaced")}</p>}
      {piece.from > 0 && (
        <Button className={styles.extend} onClick={() => void earlier()}>
          {t("document.earlier")}
        </Button>
      )}
      <div className={styles.text} dir="auto">
        {before}
        {quoted && <mark ref={mark}>{quoted}</mark>}
        {after}
      </div>
      {!whole && (
        <Button className={styles.extend} onClick={() => void later()}>
          {t("document.later")}
        </Button>
      )}
    </div>
  );
}
