import { useState } from "react";
import { useTranslation } from "react-i18next";
import { address } from "../api/client";
import type { Feedback } from "../api/types";
import { moment } from "../format";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import styles from "./Admin.module.css";
import { Listing } from "./Listing";
import { useChange, usePages } from "./queries";

interface Reviewed extends Feedback {
  user: string;
  question: string;
  answer: string;
}

export function FeedbackPage() {
  const { t } = useTranslation();
  const [state, setState] = useState<"open" | "done">("open");
  const list = usePages<Reviewed>("/feedback", { state });
  const change = useChange();
  const mark = (one: Reviewed) =>
    change.mutate({
      path: `/feedback/${one.id}`,
      method: "PATCH",
      body: { state: one.state === "open" ? "done" : "open" },
    });
  return (
    <>
      <div className={styles.bar}>
        <select
          value={state}
          aria-label={t("admin.state")}
          onChange={(event) => setState(event.target.value as "open" | "done")}
        >
          <option value="open">{t("admin.feedback.states.open")}</option>
          <option value="done">{t("admin.feedback.states.done")}</option>
        </select>
        <span className={styles.space} />
        <a href={address("/feedback/questions")} download>
          {t("admin.feedback.questions")}
        </a>
      </div>
      <Listing query={list} change={change}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          if (!items.length) return <p className={styles.card}>{t("admin.feedback.none")}</p>;
          return (
            <div className={styles.cards}>
              {items.map((one) => (
                <Card key={one.id} one={one} mark={() => mark(one)} />
              ))}
            </div>
          );
        }}
      </Listing>
      {list.hasNextPage && (
        <div>
          <Button onClick={() => void list.fetchNextPage()}>{t("more")}</Button>
        </div>
      )}
    </>
  );
}

function Card({ one, mark }: { one: Reviewed; mark: () => void }) {
  const { t, i18n } = useTranslation();
  return (
    <article className={styles.card}>
      <p className={styles.meta}>
        <Icon name={one.rating} size={16} />
        {t(`feedback.${one.rating}`)}
        {one.reason && <strong>{t(`feedback.reasons.${one.reason}`)}</strong>}
        <bdi>{one.user}</bdi>
        <time dateTime={one.created}>{moment(one.created, i18n.language)}</time>
      </p>
      <h3 dir="auto">{one.question}</h3>
      <p dir="auto">{one.answer}</p>
      {one.comment && (
        <p dir="auto">
          <strong>{t("feedback.comment")}</strong> {one.comment}
        </p>
      )}
      {one.corrected && (
        <p className={styles.corrected} dir="auto">
          <strong>{t("feedback.corrected")}</strong> {one.corrected}
        </p>
      )}
      <div>
        <Button icon={one.state === "open" ? "check" : "again"} onClick={mark}>
          {t(one.state === "open" ? "admin.feedback.mark_done" : "admin.feedback.mark_open")}
        </Button>
      </div>
    </article>
  );
}
