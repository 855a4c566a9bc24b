import { useTranslation } from "react-i18next";
import { IconButton } from "../ui/Button";
import styles from "./Actions.module.css";

interface SiblingsProps {
  own: string;
  siblings: string[];
  show: (id: string) => void;
}

/** 1/2: the other versions of a message. */
export function Siblings({ own, siblings, show }: SiblingsProps) {
  const { t } = useTranslation();
  if (siblings.length < 2) return null;
  const at = siblings.indexOf(own);
  const go = (to: number) => {
    const id = siblings[to];
    if (id) show(id);
  };
  return (
    <span className={styles.siblings} role="group" aria-label={t("siblings.label")}>
      <IconButton icon="left" size={15} label={t("siblings.before")} disabled={at <= 0} onClick={() => go(at - 1)} />
      <span aria-label={t("siblings.position", { at: at + 1, of: siblings.length })}>
        {at + 1}/{siblings.length}
      </span>
      <IconButton
        icon="right"
        size={15}
        label={t("siblings.after")}
        disabled={at >= siblings.length - 1}
        onClick={() => go(at + 1)}
      />
    </span>
  );
}
