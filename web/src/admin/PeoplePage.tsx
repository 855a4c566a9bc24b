import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { problemFrom } from "../api/client";
import { useSession } from "../api/queries";
import type { Person } from "../api/types";
import { moment } from "../format";
import { Button, IconButton } from "../ui/Button";
import form from "../ui/Form.module.css";
import { Modal } from "../ui/Modal";
import { ProblemNote } from "../ui/Problem";
import { Table } from "../ui/Table";
import styles from "./Admin.module.css";
import { Listing } from "./Listing";
import { useChange, useList } from "./queries";

export interface Account extends Person {
  origin: string;
  disabled: boolean;
  created: string;
  seen: string | null;
}

const ROLES = ["reader", "editor", "administrator"] as const;

export function PeoplePage() {
  const { t, i18n } = useTranslation();
  const own = useSession().data?.user?.id;
  const list = useList<Account[]>("/users");
  const change = useChange();
  const [editing, setEditing] = useState<Account | "new" | null>(null);
  const [removing, setRemoving] = useState<Account | null>(null);
  return (
    <>
      <div className={styles.bar}>
        <Button icon="plus" kind="primary" onClick={() => setEditing("new")}>
          {t("admin.people.add")}
        </Button>
      </div>
      <Listing query={list}>
        {(people) => (
          <Table
            caption={t("admin.people.title")}
            rows={people}
            rowKey={(one) => one.id}
            empty={t("admin.people.none")}
            columns={[
              {
                name: "name",
                title: t("admin.name"),
                cell: (one) => (
                  <>
                    <bdi>{one.name}</bdi>
                    <small>{one.email}</small>
                  </>
                ),
              },
              { name: "role", title: t("admin.people.role"), cell: (one) => t(`admin.people.roles.${one.role}`) },
              { name: "groups", title: t("admin.groups"), cell: (one) => one.groups.join(", ") || "–" },
              { name: "origin", title: t("admin.people.origin"), cell: (one) => one.origin },
              {
                name: "seen",
                title: t("admin.people.seen"),
                cell: (one) =>
                  one.disabled ? (
                    <span className={styles.error}>{t("admin.people.disabled")}</span>
                  ) : one.seen ? (
                    moment(one.seen, i18n.language)
                  ) : (
                    "–"
                  ),
              },
              {
                name: "actions",
                title: "",
                cell: (one) => (
                  <span className={styles.row}>
                    <IconButton icon="edit" label={t("admin.edit", { name: one.name })} onClick={() => setEditing(one)} />
                    {one.id !== own && (
                      <IconButton
                        icon="trash"
                        label={t("admin.remove", { name: one.name })}
                        onClick={() => setRemoving(one)}
                      />
                    )}
                  </span>
                ),
              },
            ]}
          />
        )}
      </Listing>
      {editing && <AccountDialog account={editing === "new" ? null : editing} close={() => setEditing(null)} />}
      <Modal
        open={removing !== null}
        onOpenChange={() => setRemoving(null)}
        title={t("admin.remove", { name: removing?.name })}
        description={t("admin.people.remove_hint")}
      >
        {change.error && <ProblemNote problem={problemFrom(change.error)} />}
        <div className={form.buttons}>
          <Button
            onClick={() =>
              change.mutate(
                { path: `/audit/people/${removing!.id}`, method: "DELETE" },
                { onSuccess: () => setRemoving(null) },
              )
            }
          >
            {t("admin.people.erase")}
          </Button>
          <Button
            kind="danger"
            icon="trash"
            onClick={() =>
              change.mutate({ path: `/users/${removing!.id}`, method: "DELETE" }, { onSuccess: () => setRemoving(null) })
            }
          >
            {t("admin.people.remove")}
          </Button>
        </div>
      </Modal>
    </>
  );
}

function AccountDialog({ account, close }: { account: Account | null; close: () => void }) {
  const { t } = useTranslation();
  const change = useChange();
  const local = account === null || account.origin === "local";

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    const { name, email, role, password } = fields;
    const groups = (fields.groups ?? "").split(/[,，、]+/).map((one) => one.trim()).filter(Boolean);
    const body = { name, email, role, groups, ...(password ? { password } : {}) };
    change.mutate(
      account
        ? { path: `/users/${account.id}`, method: "PATCH", body: { ...body, disabled: "disabled" in fields } }
        : { path: "/users", method: "POST", body },
      { onSuccess: close },
    );
  }

  return (
    <Modal open onOpenChange={close} title={account ? t("admin.edit", { name: account.name }) : t("admin.people.add")}>
      <form className={form.form} onSubmit={onSubmit}>
        <label className={form.field}>
          <span className={form.label}>{t("admin.name")}</span>
          <input name="name" required dir="auto" defaultValue={account?.name} autoComplete="off" />
        </label>
        <label className={form.field}>
          <span className={form.label}>{t("admin.people.email")}</span>
          <input name="email" type="email" defaultValue={account?.email} autoComplete="off" />
        </label>
        <fieldset className={form.choices}>
          <legend className={form.label}>{t("admin.people.role")}</legend>
          {ROLES.map((role) => (
            <label key={role} className={form.choice}>
              <input type="radio" name="role" value={role} defaultChecked={role === (account?.role ?? "reader")} />
              {t(`admin.people.roles.${role}`)}
            </label>
          ))}
        </fieldset>
        <label className={form.field}>
          <span className={form.label}>{t("admin.groups")}</span>
          <input name="groups" dir="auto" defaultValue={account?.groups.join(", ")} />
          <span className={form.hint}>{t("admin.people.groups_hint")}</span>
        </label>
        {local && (
          <label className={form.field}>
            <span className={form.label}>{t(account ? "admin.people.new_password" : "sign_in.password")}</span>
            <input name="password" type="password" required={!account} autoComplete="new-password" />
          </label>
        )}
        {account && (
          <label className={form.choice}>
            <input type="checkbox" name="disabled" defaultChecked={account.disabled} />
            {t("admin.people.disabled")}
          </label>
        )}
        {change.error && <ProblemNote problem={problemFrom(change.error)} />}
        <div className={form.buttons}>
          <Button kind="primary" type="submit" disabled={change.isPending}>
            {t("save")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
