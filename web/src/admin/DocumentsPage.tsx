import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import type { DocumentRow } from "../api/types";
import { useOpenDocument } from "../document/opened";
import { moment, size } from "../format";
import { Button, IconButton } from "../ui/Button";
import form from "../ui/Form.module.css";
import { Modal } from "../ui/Modal";
import { Table } from "../ui/Table";
import styles from "./Admin.module.css";
import { Listing } from "./Listing";
import { useChange, usePages } from "./queries";

export function DocumentsPage() {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [state, setState] = useState("");
  const [removing, setRemoving] = useState<DocumentRow | null>(null);
  const q = useDeferredValue(typed.trim());
  const list = usePages<DocumentRow>("/documents", { q, state, limit: 50 });
  const change = useChange();
  return (
    <>
      <div className={styles.bar}>
        <input
          type="search"
          value={typed}
          placeholder={t("admin.documents.search")}
          aria-label={t("admin.documents.search")}
          onChange={(event) => setTyped(event.target.value)}
        />
        <select value={state} aria-label={t("admin.state")} onChange={(event) => setState(event.target.value)}>
          <option value="">{t("admin.documents.states.all")}</option>
          <option value="ok">{t("admin.documents.states.ok")}</option>
          <option value="failed">{t("admin.documents.states.failed")}</option>
        </select>
      </div>
      <Listing query={list} change={change}>
        {({ pages }) => <Rows rows={pages.flatMap((page) => page.items)} remove={setRemoving} />}
      </Listing>
      {list.hasNextPage && (
        <div>
          <Button onClick={() => void list.fetchNextPage()}>{t("more")}</Button>
        </div>
      )}
      <Modal
        open={removing !== null}
        onOpenChange={() => setRemoving(null)}
        title={t("admin.remove", { name: removing?.title || removing?.uri })}
        description={t("admin.documents.remove_hint")}
      >
        <div className={form.buttons}>
          <Button onClick={() => setRemoving(null)}>{t("cancel")}</Button>
          <Button
            kind="danger"
            icon="trash"
            onClick={() => {
              change.mutate({ path: `/documents/${removing!.id}`, method: "DELETE" });
              setRemoving(null);
            }}
          >
            {t("admin.documents.remove")}
          </Button>
        </div>
      </Modal>
    </>
  );
}

function Rows({ rows, remove }: { rows: DocumentRow[]; remove: (row: DocumentRow) => void }) {
  const { t, i18n } = useTranslation();
  const open = useOpenDocument();
  const look = ({ id, title, edition }: DocumentRow) =>
    open({ document: id, title, edition, heading: [], page: null, quote: "", start: 0, end: 0 });
  return (
    <Table
      caption={t("admin.documents.title")}
      rows={rows}
      rowKey={(one) => one.id}
      empty={t("admin.documents.none")}
      columns={[
        {
          name: "title",
          title: t("admin.documents.document"),
          cell: (one) => (
            <>
              <bdi>{one.title || one.uri}</bdi>
              <small>
                <bdi>{[one.source, one.uri].filter(Boolean).join(" · ")}</bdi>
              </small>
              {one.error && <small className={styles.error}>{one.error}</small>}
            </>
          ),
        },
        { name: "collection", title: t("admin.collection"), cell: (one) => one.collection },
        {
          name: "state",
          title: t("admin.state"),
          cell: (one) => (
            <span className={styles.state} data-state={one.error ? "failed" : "ok"}>
              {t(`admin.documents.states.${one.error ? "failed" : "ok"}`)}
            </span>
          ),
        },
        {
          name: "size",
          title: t("admin.documents.size"),
          numeric: true,
          cell: (one) => (one.size === null ? "–" : size(one.size, i18n.language)),
        },
        {
          name: "modified",
          title: t("admin.documents.modified"),
          cell: (one) => (one.modified ? moment(one.modified, i18n.language) : "–"),
        },
        {
          name: "actions",
          title: "",
          cell: (one) => (
            <span className={styles.row}>
              {!one.error && (
                <IconButton
                  icon="document"
                  label={t("admin.documents.look", { name: one.title || one.uri })}
                  onClick={() => look(one)}
                />
              )}
              {one.source.startsWith("uploads") && (
                <IconButton
                  icon="trash"
                  label={t("admin.remove", { name: one.title || one.uri })}
                  onClick={() => remove(one)}
                />
              )}
            </span>
          ),
        },
      ]}
    />
  );
}
