import { Tabs } from "radix-ui";
import { lazy, Suspense, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { address, problemFrom } from "../api/client";
import { useBoxes, useDocument } from "../api/queries";
import { IconButton } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { ProblemNote } from "../ui/Problem";
import { Spinner } from "../ui/Spinner";
import styles from "./DocumentPane.module.css";
import { PageImage } from "./PageImage";
import type { Target } from "./opened";
import { TextView } from "./TextView";

const PdfView = lazy(() => import("./PdfView"));

interface DocumentPaneProps {
  target: Target;
  close: () => void;
  className?: string;
}

/** A document beside the chat, at the quoted words. */
export default function DocumentPane({ target, close, className = "" }: DocumentPaneProps) {
  const { t } = useTranslation();
  const row = useDocument(target.document);
  const title = row.data?.title || target.title || row.data?.uri || "";
  const place = [target.edition, target.page !== null && t("citation.page", { page: target.page }), target.heading.join(" › ")];

  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    heading.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);

  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) close();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [close]);

  return (
    <aside className={`${styles.pane} ${className}`} aria-label={t("document.label")}>
      <header className={styles.header}>
        <div className={styles.names}>
          <h2 ref={heading} tabIndex={-1} dir="auto">
            {title}
          </h2>
          <p>{place.filter(Boolean).join(" · ")}</p>
        </div>
        <a
          className={styles.download}
          href={address(`/documents/${target.document}/original`)}
          download
          aria-label={t("document.download")}
          title={t("document.download")}
        >
          <Icon name="download" />
        </a>
        <IconButton icon="close" label={t("document.close")} onClick={close} />
      </header>
      {row.data?.superseded_by && (
        <p className={styles.superseded}>
          <Icon name="history" size={16} />
          {t("citation.superseded", { title: row.data.superseded_by.title })}
        </p>
      )}
      {row.isPending && <Spinner label={t("loading")} />}
      {row.error && <ProblemNote problem={problemFrom(row.error)} />}
      {row.data && <Views target={target} mime={row.data.mime} />}
    </aside>
  );
}

function Views({ target, mime }: { target: Target; mime: string }) {
  const { t } = useTranslation();
  const isPdf = mime === "application/pdf";
  const boxes = useBoxes(target.document, target.start, target.end, isPdf && target.end > target.start);
  if (!isPdf && !mime.startsWith("image/")) return <TextView target={target} />;
  const page = boxes.data?.page ?? target.page ?? 1;
  return (
    <Tabs.Root defaultValue="page" className={styles.views}>
      <Tabs.List className={styles.tabs} aria-label={t("document.views")}>
        <Tabs.Trigger value="page">{t("document.page")}</Tabs.Trigger>
        <Tabs.Trigger value="text">{t("document.text")}</Tabs.Trigger>
      </Tabs.List>
      <Tabs.Content value="page" className={styles.view}>
        {!isPdf ? (
          <PageImage target={target} />
        ) : boxes.isLoading ? (
          <Spinner label={t("loading")} />
        ) : (
          <Suspense fallback={<Spinner label={t("loading")} />}>
            <PdfView target={target} page={page} boxes={boxes.data} />
          </Suspense>
        )}
      </Tabs.Content>
      <Tabs.Content value="text" className={styles.view}>
        <TextView target={target} />
      </Tabs.Content>
    </Tabs.Root>
  );
}
