import { useTranslation } from "react-i18next";
import { useCollections } from "../api/queries";
import { percent } from "../format";
import { IconButton } from "../ui/Button";
import { Icon } from "../ui/Icon";
import type { UploadsHandle } from "./store";
import styles from "./Upload.module.css";

interface UploadsProps {
  uploads: UploadsHandle;
  choose: (collections: string[]) => void;
}

export function Uploads({ uploads, choose }: UploadsProps) {
  const { t, i18n } = useTranslation();
  const own = useCollections().data?.find((one) => one.private)?.name;
  if (!uploads.all.length) return null;
  return (
    <ul className={styles.uploads} role="list" aria-label={t("upload.list")} aria-live="polite">
      {uploads.all.map((one) => (
        <li key={one.key} data-state={one.state}>
          <Icon name={one.state === "done" ? "check" : one.state === "failed" ? "doubt" : "upload"} size={16} />
          <bdi className={styles.name}>{one.name}</bdi>
          {one.problem ? (
            <span className={styles.problem}>
              {one.problem.detail || t("problem.unreachable")} {one.problem.remedy}
            </span>
          ) : (
            <span className={styles.state}>
              {t(`upload.${one.state}`, { share: percent(one.share, i18n.language) })}
            </span>
          )}
          {(one.state === "sending" || one.state === "reading") && (
            <progress
              aria-label={one.name}
              max={1}
              value={one.state === "reading" && !one.share ? undefined : one.share}
            />
          )}
          {one.state === "done" && own && (
            <button type="button" className={styles.only} onClick={() => choose([own])}>
              {t("upload.only")}
            </button>
          )}
          <IconButton icon="close" size={15} label={t("upload.clear")} onClick={() => uploads.clear(one.key)} />
        </li>
      ))}
    </ul>
  );
}
