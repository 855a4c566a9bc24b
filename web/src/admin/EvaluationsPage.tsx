import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { address, problemFrom } from "../api/client";
import { moment } from "../format";
import { Button, IconButton } from "../ui/Button";
import form from "../ui/Form.module.css";
import { Modal } from "../ui/Modal";
import { ProblemNote } from "../ui/Problem";
import { Table } from "../ui/Table";
import styles from "./Admin.module.css";
import { Listing } from "./Listing";
import { useChange, useList } from "./queries";

interface Evaluation {
  id: string;
  name: string;
  by: string;
  created: string;
  state: "running" | "done" | "failed" | "cancelled" | "interrupted";
  done: number;
  total: number;
  error: string;
  remedy: string;
}

interface Difference {
  section: string;
  name: string;
  language: string;
  n: number;
  a: number;
  b: number;
  difference: number;
  low: number;
  high: number;
  verdict: "better" | "worse" | "undecided";
}

const EVERY_MS = 1500;

export function EvaluationsPage() {
  const { t, i18n } = useTranslation();
  const [busy, setBusy] = useState(false);
  const list = useList<Evaluation[]>("/evaluations", {}, busy && EVERY_MS);
  const change = useChange();
  const [adding, setAdding] = useState(false);
  const [chosen, setChosen] = useState<string[]>([]);
  const running = list.data?.some((one) => one.state === "running") ?? false;
  if (running !== busy) setBusy(running);
  const act = (one: Evaluation, verb: string) => change.mutate({ path: `/evaluations/${one.id}/${verb}`, method: "POST" });
  const choose = (id: string) =>
    setChosen((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id].slice(-2)));
  return (
    <>
      <div className={styles.bar}>
        <Button icon="plus" kind="primary" disabled={running} onClick={() => setAdding(true)}>
          {t("admin.evaluations.add")}
        </Button>
        <span>{t("admin.evaluations.compare_hint")}</span>
      </div>
      <Listing query={list} change={change}>
        {(items) => (
          <Table
            caption={t("admin.evaluations.title")}
            rows={items}
            rowKey={(one) => one.id}
            empty={t("admin.evaluations.none")}
            columns={[
              {
                name: "chosen",
                title: t("admin.evaluations.compare"),
                cell: (one) => (
                  <input
                    type="checkbox"
                    aria-label={t("admin.evaluations.choose", { name: one.name })}
                    checked={chosen.includes(one.id)}
                    disabled={one.state !== "done"}
                    onChange={() => choose(one.id)}
                  />
                ),
              },
              { name: "name", title: t("admin.name"), cell: (one) => <bdi>{one.name}</bdi> },
              { name: "state", title: t("admin.state"), cell: (one) => <State one={one} /> },
              { name: "created", title: t("admin.evaluations.created"), cell: (one) => moment(one.created, i18n.language) },
              {
                name: "actions",
                title: "",
                cell: (one) => (
                  <span className={styles.row}>
                    {one.state === "done" && (
                      <a href={address(`/evaluations/${one.id}/report`)} target="_blank" rel="noreferrer">
                        {t("admin.evaluations.report")}
                      </a>
                    )}
                    {one.state === "running" && (
                      <IconButton icon="stop" label={t("admin.evaluations.cancel")} onClick={() => act(one, "cancel")} />
                    )}
                    {["failed", "cancelled", "interrupted"].includes(one.state) && (
                      <IconButton icon="again" label={t("admin.evaluations.resume")} onClick={() => act(one, "resume")} />
                    )}
                    <IconButton
                      icon="trash"
                      label={t("admin.remove", { name: one.name })}
                      onClick={() => change.mutate({ path: `/evaluations/${one.id}`, method: "DELETE" })}
                    />
                  </span>
                ),
              },
            ]}
          />
        )}
      </Listing>
      {chosen.length === 2 && <Compared older={chosen[0]!} newer={chosen[1]!} />}
      {adding && <StartDialog close={() => setAdding(false)} />}
    </>
  );
}

function State({ one }: { one: Evaluation }) {
  const { t } = useTranslation();
  return (
    <span className={styles.progress}>
      <span className={styles.state} data-state={one.state}>
        {t(`admin.evaluations.states.${one.state}`)}
      </span>
      {one.state === "running" && <progress aria-label={one.name} value={one.done} max={one.total || 1} />}
      {one.error && (
        <small className={styles.error} dir="auto">
          {one.error} {one.remedy}
        </small>
      )}
    </span>
  );
}

/** Each measure of the newer run against the older one, the decided ones first. */
function Compared({ older, newer }: { older: string; newer: string }) {
  const { t, i18n } = useTranslation();
  const list = useList<Difference[]>(`/evaluations/${older}/compared/${newer}`);
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 3 });
  const decided = (one: Difference) => (one.verdict === "undecided" ? 1 : 0);
  return (
    <Listing query={list}>
      {(items) => (
        <Table
          caption={t("admin.evaluations.compared")}
          rows={[...items].sort((a, b) => decided(a) - decided(b))}
          rowKey={(one) => `${one.section}/${one.name}/${one.language}`}
          empty={t("admin.evaluations.none")}
          columns={[
            { name: "name", title: t("admin.evaluations.measure"), cell: (one) => `${one.section}: ${one.name}` },
            { name: "language", title: t("admin.evaluations.language"), cell: (one) => one.language },
            { name: "n", title: "n", numeric: true, cell: (one) => one.n },
            { name: "a", title: t("admin.evaluations.first"), numeric: true, cell: (one) => number.format(one.a) },
            { name: "b", title: t("admin.evaluations.second"), numeric: true, cell: (one) => number.format(one.b) },
            {
              name: "verdict",
              title: t("admin.evaluations.verdict"),
              cell: (one) => (
                <>
                  {t(`admin.evaluations.verdicts.${one.verdict}`)}
                  <small>
                    [{number.format(one.low)}, {number.format(one.high)}]
                  </small>
                </>
              ),
            },
          ]}
        />
      )}
    </Listing>
  );
}

function StartDialog({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const change = useChange();

  async function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const file = fields.get("file") as File | null;
    const questions = file?.size ? await file.text() : "";
    const set = file?.name.toLowerCase().endsWith(".csv") ? "csv" : "jsonl";
    const body = { name: String(fields.get("name")), questions, form: set };
    change.mutate({ path: "/evaluations", method: "POST", body }, { onSuccess: close });
  }

  return (
    <Modal open onOpenChange={close} title={t("admin.evaluations.add")} description={t("admin.evaluations.add_hint")}>
      <form className={form.form} onSubmit={(event) => void onSubmit(event)}>
        <label className={form.field}>
          <span className={form.label}>{t("admin.name")}</span>
          <input name="name" required maxLength={200} dir="auto" autoComplete="off" />
        </label>
        <label className={form.field}>
          <span className={form.label}>{t("admin.evaluations.file")}</span>
          <input name="file" type="file" accept=".jsonl,.csv" />
        </label>
        {change.error && <ProblemNote problem={problemFrom(change.error)} />}
        <div className={form.buttons}>
          <Button type="submit" kind="primary" disabled={change.isPending}>
            {t("admin.evaluations.start")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
