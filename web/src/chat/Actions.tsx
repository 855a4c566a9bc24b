import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFeedback } from "../api/queries";
import type { Message } from "../api/types";
import { IconButton } from "../ui/Button";
import styles from "./Actions.module.css";
import { withSources } from "./copied";
import { FeedbackDialog } from "./FeedbackDialog";

interface ActionsProps {
  conversation: string;
  message: Message;
  busy: boolean;
  again: () => void;
  inspecting: boolean;
  inspect: () => void;
}

const COPIED_MS = 1600;

export function Actions({ conversation, message, busy, again, inspecting, inspect }: ActionsProps) {
  const { t } = useTranslation();
  const feedback = useFeedback(conversation);
  const [copied, setCopied] = useState(false);
  const [asking, setAsking] = useState(false);
  const { answer } = message;
  const rating = message.feedback?.rating;

  async function copy() {
    if (!answer) return;
    await navigator.clipboard.writeText(withSources(answer, t("answer.sources")));
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  }

  function like() {
    const given = rating === "up" ? null : { rating: "up" as const, reason: "" as const, comment: "", corrected: "" };
    feedback.mutate({ message: message.id, given });
  }

  return (
    <div className={styles.actions} role="toolbar" aria-label={t("answer.actions")}>
      {answer && (
        <IconButton
          icon={copied ? "check" : "copy"}
          size={17}
          label={t(copied ? "answer.copied" : "answer.copy")}
          onClick={() => void copy()}
        />
      )}
      <IconButton icon="again" size={17} label={t("answer.again")} disabled={busy} onClick={again} />
      {answer && (
        <>
          <IconButton icon="up" size={17} label={t("feedback.up")} pressed={rating === "up"} onClick={like} />
          <IconButton
            icon="down"
            size={17}
            label={t("feedback.down")}
            pressed={rating === "down"}
            onClick={() => setAsking(true)}
          />
          <IconButton icon="inspect" size={17} label={t("inspect.title")} pressed={inspecting} onClick={inspect} />
        </>
      )}
      <FeedbackDialog
        open={asking}
        onOpenChange={setAsking}
        given={message.feedback}
        send={(given) => feedback.mutateAsync({ message: message.id, given })}
      />
    </div>
  );
}
