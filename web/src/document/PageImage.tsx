import { useTranslation } from "react-i18next";
import { address } from "../api/client";
import styles from "./DocumentPane.module.css";
import type { Target } from "./opened";

/** A scanned picture, as the server draws it. */
export function PageImage({ target }: { target: Target }) {
  const { t } = useTranslation();
  const source = address(`/documents/${target.document}/pages/${target.page ?? 1}`, { width: 1400 });
  return (
    <div className={styles.scroller}>
      <img className={styles.image} src={source} alt={t("document.page_of", { title: target.title })} />
    </div>
  );
}
