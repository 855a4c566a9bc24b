import { type RefObject, useLayoutEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "../ui/Button";
import { CollectionsMenu } from "./CollectionsMenu";
import styles from "./Composer.module.css";
import { entersText } from "./keys";

interface ComposerProps {
  field: RefObject<HTMLTextAreaElement | null>;
  draft: string;
  setDraft: (draft: string) => void;
  send: () => void;
  stop: (() => void) | null;
  collections: string[];
  choose: (collections: string[]) => void;
  upload: (files: File[]) => void;
}

export function Composer(props: ComposerProps) {
  const { field, draft, setDraft, send, stop, collections, choose, upload } = props;
  const { t } = useTranslation();
  const files = useRef<HTMLInputElement>(null);
  const sendable = draft.trim() !== "" && !stop;

  // browsers without field-sizing: as high as the text, up to the limit of the stylesheet
  useLayoutEffect(() => {
    const area = field.current;
    if (!area || CSS.supports("field-sizing", "content")) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }, [draft, field]);

  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        if (sendable) send();
      }}
    >
      <textarea
        ref={field}
        id="question"
        className={styles.field}
        rows={1}
        dir="auto"
        value={draft}
        aria-label={t("composer.label")}
        placeholder={t("composer.placeholder")}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          if (!entersText(event)) return;
          event.preventDefault();
          if (sendable) send();
        }}
      />
      <div className={styles.tools}>
        <IconButton icon="upload" label={t("upload.button")} onClick={() => files.current?.click()} />
        <input
          ref={files}
          type="file"
          multiple
          hidden
          aria-label={t("upload.button")}
          onChange={(event) => {
            upload([...(event.target.files ?? [])]);
            event.target.value = "";
          }}
        />
        <CollectionsMenu chosen={collections} choose={choose} />
        <span className={styles.space} />
        {stop ? (
          <IconButton icon="stop" className={styles.send} label={t("composer.stop")} onClick={stop} />
        ) : (
          <IconButton icon="send" className={styles.send} type="submit" label={t("composer.send")} disabled={!sendable} />
        )}
      </div>
    </form>
  );
}
