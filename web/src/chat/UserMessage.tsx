import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, IconButton } from "../ui/Button";
import { entersText } from "./keys";
import { Siblings } from "./Siblings";
import styles from "./UserMessage.module.css";

interface UserMessageProps {
  id?: string;
  content: string;
  siblings?: string[];
  busy: boolean;
  edit?: (content: string) => void;
  show?: (message: string) => void;
}

export function UserMessage({ id, content, siblings = [], busy, edit, show }: UserMessageProps) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState<string | null>(null);
  if (draft !== null && edit) {
    const send = () => {
      if (!draft.trim()) return;
      setDraft(null);
      if (draft.trim() !== content) edit(draft.trim());
    };
    return (
      <div className={styles.editor}>
        <textarea
          aria-label={t("question.edit")}
          value={draft}
          rows={Math.min(8, draft.split("\n").length + 1)}
          autoFocus
          dir="auto"
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") setDraft(null);
            if (entersText(event)) {
              event.preventDefault();
              send();
            }
          }}
        />
        <div className={styles.buttons}>
          <span>{t("question.branch_hint")}</span>
          <Button onClick={() => setDraft(null)}>{t("cancel")}</Button>
          <Button kind="primary" disabled={busy || !draft.trim()} onClick={send}>
            {t("question.ask")}
          </Button>
        </div>
      </div>
    );
  }
  return (
    <div className={styles.question} data-message={id}>
      <h2 className={styles.bubble} dir="auto">
        <span className="unseen">{t("question.label")} </span>
        {content}
      </h2>
      <div className={styles.tools}>
        {id && show && <Siblings own={id} siblings={siblings} show={show} />}
        {edit && (
          <IconButton
            icon="edit"
            size={16}
            label={t("question.edit")}
            disabled={busy}
            onClick={() => setDraft(content)}
          />
        )}
      </div>
    </div>
  );
}
