import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import styles from "../admin/Admin.module.css";
import { Listing } from "../admin/Listing";
import { useChange, useList } from "../admin/queries";
import { problemFrom } from "../api/client";
import { moment } from "../format";
import { Button, IconButton } from "../ui/Button";
import form from "../ui/Form.module.css";
import { Modal } from "../ui/Modal";
import { ProblemNote } from "../ui/Problem";
import { Table } from "../ui/Table";

interface Key {
  id: string;
  name: string;
  owner: string;
  scopes: string[];
  created: string;
  expires: string | null;
  used: string | null;
}

const SCOPES = ["ask", "documents", "admin"] as const;
const DAYS = [30, 90, 365];
const DAY_MS = 86_400_000;

/** API keys: a reader's own, for administrators everybody's. */
export default function KeysPage() {
  const { t, i18n } = useTranslation();
  const list = useList<Key[]>("/keys");
  const change = useChange();
  const [adding, setAdding] = useState(false);
  const time = (iso: string | null) => (iso ? moment(iso, i18n.language) : "–");
  return (
    <div className={styles.admin}>
      <section className={styles.page} aria-label={t("account.keys")}>
        <div className={styles.bar}>
          <Button icon="plus" kind="primary" onClick={() => setAdding(true)}>
            {t("keys.add")}
          </Button>
        </div>
        <Listing query={list} change={change}>
          {(keys) => (
            <Table
              caption={t("account.keys")}
              rows={keys}
              rowKey={(one) => one.id}
              empty={t("keys.none")}
              columns={[
                { name: "name", title: t("admin.name"), cell: (one) => <bdi>{one.name}</bdi> },
                { name: "owner", title: t("keys.owner"), cell: (one) => <bdi>{one.owner}</bdi> },
                { name: "scopes", title: t("keys.scopes"), cell: (one) => one.scopes.map((name) => t(`keys.scope.${name}`)).join(", ") },
                { name: "expires", title: t("keys.expires"), cell: (one) => time(one.expires) },
                { name: "used", title: t("keys.used"), cell: (one) => time(one.used) },
                {
                  name: "actions",
                  title: "",
                  cell: (one) => (
                    <span className={styles.row}>
                      <IconButton
                        icon="trash"
                        label={t("keys.revoke", { name: one.name })}
                        onClick={() => change.mutate({ path: `/keys/${one.id}`, method: "DELETE" })}
                      />
                    </span>
                  ),
                },
              ]}
            />
          )}
        </Listing>
        {adding && <KeyDialog close={() => setAdding(false)} />}
      </section>
    </div>
  );
}

function KeyDialog({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const change = useChange();
  const [made, setMade] = useState("");

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const days = Number(fields.get("days"));
    const body = {
      name: String(fields.get("name")),
      scopes: fields.getAll("scopes"),
      expires: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null,
    };
    change.mutate(
      { path: "/keys", method: "POST", body },
      { onSuccess: (key) => setMade((key as { key: string }).key) },
    );
  }

  return (
    <Modal open onOpenChange={close} title={t("keys.add")} description={made ? t("keys.once") : undefined}>
      {made ? (
        <>
          <p className={styles.secret}>{made}</p>
          <div className={form.buttons}>
            <Button icon="copy" onClick={() => void navigator.clipboard.writeText(made)}>
              {t("keys.copy")}
            </Button>
            <Button kind="primary" onClick={close}>
              {t("close")}
            </Button>
          </div>
        </>
      ) : (
        <form className={form.form} onSubmit={onSubmit}>
          <label className={form.field}>
            <span className={form.label}>{t("admin.name")}</span>
            <input name="name" required maxLength={128} dir="auto" />
          </label>
          <fieldset className={form.choices}>
            <legend className={form.label}>{t("keys.scopes")}</legend>
            {SCOPES.map((name) => (
              <label key={name} className={form.choice}>
                <input type="checkbox" name="scopes" value={name} defaultChecked={name === "ask"} />
                {t(`keys.scope.${name}`)}
              </label>
            ))}
          </fieldset>
          <label className={form.field}>
            <span className={form.label}>{t("keys.expires")}</span>
            <select name="days" defaultValue={DAYS[1]}>
              {DAYS.map((days) => (
                <option key={days} value={days}>
                  {t("keys.days", { count: days })}
                </option>
              ))}
              <option value={0}>{t("keys.never")}</option>
            </select>
          </label>
          {change.error && <ProblemNote problem={problemFrom(change.error)} />}
          <div className={form.buttons}>
            <Button kind="primary" type="submit">
              {t("keys.add")}
            </Button>
          </div>
        </form>
      )}
    </Modal>
  );
}
