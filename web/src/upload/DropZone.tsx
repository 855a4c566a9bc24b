import { type DragEvent, type ReactNode, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "../ui/Icon";
import styles from "./Upload.module.css";

const carriesFiles = (event: DragEvent) => event.dataTransfer.types.includes("Files");

/** Files dropped anywhere on the chat go into the reader's own collection. */
export function DropZone({ drop, children }: { drop: (files: File[]) => void; children: ReactNode }) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  const depth = useRef(0); // every element that is entered sends an event of its own
  const leave = () => {
    depth.current = 0;
    setOver(false);
  };
  return (
    <div
      className={styles.zone}
      onDragEnter={(event) => {
        if (!carriesFiles(event)) return;
        depth.current += 1;
        setOver(true);
      }}
      onDragOver={(event) => carriesFiles(event) && event.preventDefault()}
      onDragLeave={() => {
        depth.current -= 1;
        if (depth.current <= 0) leave();
      }}
      onDrop={(event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        leave();
        drop([...event.dataTransfer.files]);
      }}
    >
      {children}
      {over && (
        <div className={styles.over}>
          <p>
            <Icon name="upload" size={28} />
            {t("upload.drop")}
            <small>{t("upload.private")}</small>
          </p>
        </div>
      )}
    </div>
  );
}
