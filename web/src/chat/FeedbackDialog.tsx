import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { problemFrom, type Problem } from "../api/client";
import type { Feedback, FeedbackIn, Reason } from "../api/types";
import { Button } from "../ui/Button";
import { Modal } from "../ui/Modal";
import { ProblemNote } from "../ui/Problem";
import form from "../ui/Form.module.css";

const REASONS: Exclude<Reason, "">[] = ["wrong", "incomplete", "off_topic", "outdated", "other"];

interface FeedbackDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  given: Feedback | null;
  send: (given: FeedbackIn | null) => Promise<unknown>;
}

/** What is wrong with an answer, and how it should have been. */
export function FeedbackDialog({ open, onOpenChange, given, send }: FeedbackDialogProps) {
  const { t } = useTranslation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [reason, setReason] = useState<Reason>(given?.rating === "down" ? given.reason : "");

  async function submit(value: FeedbackIn | null) {
    setProblem(null);
    try {
      await send(value);
      onOpenChange(false);
    } catch (error) {
      setProblem(problemFrom(error));
    }
  }

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const text = (name: string) => String(fields.get(name) ?? "").trim();
    void submit({ rating: "down", reason, comment: text("comment"), corrected: text("corrected") });
  }

  return (
    <Modal open={open} onOpenChange={onOpenChange} title={t("feedback.title")} description={t("feedback.hint")}>
      <form className={form.form} onSubmit={onSubmit}>
        <fieldset className={form.choices}>
          <legend className={form.label}>{t("feedback.reason")}</legend>
          {REASONS.map((one) => (
            <label key={one} className={form.choice}>
              <input type="radio" name="reason" checked={reason === one} onChange={() => setReason(one)} />
              {t(`feedback.reasons.${one}`)}
            </label>
          ))}
        </fieldset>
        <label className={form.field}>
          <span className={form.label}>{t("feedback.comment")}</span>
          <textarea name="comment" rows={2} maxLength={4000} defaultValue={given?.comment} dir="auto" />
        </label>
        <label className={form.field}>
          <span className={form.label}>{t("feedback.corrected")}</span>
          <textarea name="corrected" rows={3} maxLength={8000} defaultValue={given?.corrected} dir="auto" />
        </label>
        {problem && <ProblemNote problem={problem} />}
        <div className={form.buttons}>
          {given && <Button onClick={() => void submit(null)}>{t("feedback.withdraw")}</Button>}
          <Button kind="primary" type="submit">
            {t("feedback.send")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
