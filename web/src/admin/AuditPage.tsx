import { useState } from "react";
import { useTranslation } from "react-i18next";
import { address } from "../api/client";
import { duration, moment } from "../format";
import { Button } from "../ui/Button";
import { Table } from "../ui/Table";
import styles from "./Admin.module.css";
import type { Account } from "./PeoplePage";
import { Listing } from "./Listing";
import { useList, usePages } from "./queries";

export interface Recorded {
  id: number;
  at: string;
  user_id: string;
  name: string;
  channel: string;
  question: string;
  sentences: { text: string; verdict: string; score: number }[];
  verdict: string;
  language: string;
  model: string;
  usage: Record<string, number>;
  ms: number;
}

const midnight = (day: string) => (day ? new Date(`${day}T00:00:00`).toISOString() : "");

export function AuditPage() {
  const { t, i18n } = useTranslation();
  const people = useList<Account[]>("/users").data ?? [];
  const [user, setUser] = useState("");
  const [since, setSince] = useState("");
  const [until, setUntil] = useState("");
  const query = { user, since: midnight(since), until: midnight(until) };
  const list = usePages<Recorded>("/audit", query);
  return (
    <>
      <div className={styles.bar}>
        <select value={user} aria-label={t("admin.audit.person")} onChange={(event) => setUser(event.target.value)}>
          <option value="">{t("admin.audit.everybody")}</option>
          {people.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </select>
        <label>
          {t("admin.audit.since")}{" "}
          <input type="date" value={since} onChange={(event) => setSince(event.target.value)} />
        </label>
        <label>
          {t("admin.audit.until")}{" "}
          <input type="date" value={until} onChange={(event) => setUntil(event.target.value)} />
        </label>
        <span className={styles.space} />
        <a href={address("/audit/export", query)} download>
          {t("admin.audit.export")}
        </a>
      </div>
      <Listing query={list}>
        {({ pages }) => (
          <Table
            caption={t("admin.audit.title")}
            rows={pages.flatMap((page) => page.items)}
            rowKey={(one) => String(one.id)}
            empty={t("admin.audit.none")}
            columns={[
              { name: "at", title: t("admin.audit.at"), cell: (one) => moment(one.at, i18n.language) },
              { name: "name", title: t("admin.audit.person"), cell: (one) => <bdi>{one.name || "–"}</bdi> },
              {
                name: "question",
                title: t("admin.audit.question"),
                cell: (one) => (
                  <>
                    <bdi>{one.question || t("admin.audit.erased")}</bdi>
                    <small>{one.sentences.map((sentence) => sentence.text).join(" ")}</small>
                  </>
                ),
              },
              { name: "verdict", title: t("verdict.label"), cell: (one) => t(`verdict.answer.${one.verdict}`, one.verdict) },
              { name: "ms", title: t("admin.audit.time"), numeric: true, cell: (one) => duration(one.ms, i18n.language) },
            ]}
          />
        )}
      </Listing>
      {list.hasNextPage && (
        <div>
          <Button onClick={() => void list.fetchNextPage()}>{t("more")}</Button>
        </div>
      )}
    </>
  );
}
