import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/queries";
import type { Job, Source } from "../api/types";
import { count } from "../format";
import { Button, IconButton } from "../ui/Button";
import form from "../ui/Form.module.css";
import { Modal } from "../ui/Modal";
import { Table } from "../ui/Table";
import styles from "./Admin.module.css";
import { JobState, Progress } from "./JobsPage";
import { Listing } from "./Listing";
import { useChange, useList } from "./queries";

const KINDS = ["folder", "files", "web", "git", "mail", "confluence", "notion", "slack"];

export function SourcesPage() {
  const { t, i18n } = useTranslation();
  const administrator = useSession().data?.user?.role === "administrator";
  const list = useList<{ sources: Source[] }>("/sources", {}, 5000);
  const jobs = useList<{ jobs: Job[] }>("/jobs", { limit: 200 }, 2000).data?.jobs ?? [];
  const change = useChange();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Source | null>(null);
  const sync = (name: string, retry: boolean) =>
    change.mutate({ path: `/sources/${encodeURIComponent(name)}/sync`, method: "POST", body: { retry } });
  return (
    <>
      {administrator && (
        <div className={styles.bar}>
          <Button icon="plus" kind="primary" onClick={() => setAdding(true)}>
            {t("admin.sources.add")}
          </Button>
        </div>
      )}
      <Listing query={list} change={change}>
        {({ sources }) => (
          <Table
            caption={t("admin.sources.title")}
            rows={sources}
            rowKey={(one) => one.name}
            empty={t("admin.sources.none")}
            columns={[
              { name: "name", title: t("admin.name"), cell: (one) => <NameCell source={one} /> },
              { name: "collection", title: t("admin.collection"), cell: (one) => one.collection },
              { name: "schedule", title: t("admin.sources.schedule"), cell: (one) => one.schedule || "–" },
              {
                name: "latest",
                title: t("admin.sources.latest"),
                cell: (one) => <Latest job={jobs.find((job) => job.source === one.name)} />,
              },
              { name: "files", title: t("admin.sources.files"), numeric: true, cell: (one) => count(one.files, i18n.language) },
              {
                name: "failed",
                title: t("admin.sources.failed"),
                numeric: true,
                cell: (one) => (
                  <span className={one.failed ? styles.error : ""}>{count(one.failed, i18n.language)}</span>
                ),
              },
              {
                name: "actions",
                title: "",
                cell: (one) => (
                  <span className={styles.row}>
                    {one.failed > 0 && (
                      <Button icon="again" onClick={() => sync(one.name, true)}>
                        {t("admin.sources.retry")}
                      </Button>
                    )}
                    <Button icon="again" onClick={() => sync(one.name, false)}>
                      {t("admin.sources.sync")}
                    </Button>
                    {administrator && one.origin === "added" && (
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
      <AddDialog open={adding} setOpen={setAdding} change={change} />
      <Modal
        open={removing !== null}
        onOpenChange={() => setRemoving(null)}
        title={t("admin.remove", { name: removing?.name })}
        description={t("admin.sources.remove_hint", { count: removing?.files ?? 0 })}
      >
        <div className={form.buttons}>
          <Button onClick={() => setRemoving(null)}>{t("cancel")}</Button>
          <Button
            kind="danger"
            icon="trash"
            onClick={() => {
              change.mutate({ path: `/sources/${encodeURIComponent(removing!.name)}`, method: "DELETE" });
              setRemoving(null);
            }}
          >
            {t("admin.sources.remove")}
          </Button>
        </div>
      </Modal>
    </>
  );
}

function NameCell({ source }: { source: Source }) {
  return (
    <>
      <strong>{source.name}</strong>
      <small>
        {source.kind} · <bdi>{source.location}</bdi>
      </small>
    </>
  );
}

/** How the latest sync of a source goes, or ended. */
function Latest({ job }: { job: Job | undefined }) {
  if (!job) return <>–</>;
  return (
    <span className={styles.row}>
      <JobState job={job} />
      <Progress job={job} />
    </span>
  );
}

interface AddDialogProps {
  open: boolean;
  setOpen: (open: boolean) => void;
  change: ReturnType<typeof useChange>;
}

function AddDialog({ open, setOpen, change }: AddDialogProps) {
  const { t } = useTranslation();
  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    const groups = (fields.groups ?? "").split(/[,\s]+/).filter(Boolean);
    const { name, kind, location, collection, schedule } = fields;
    const body = { name, kind, location, collection: collection || "default", schedule, groups };
    change.mutate({ path: "/sources", method: "POST", body }, { onSuccess: () => setOpen(false) });
  }
  return (
    <Modal open={open} onOpenChange={setOpen} title={t("admin.sources.add")}>
      <form className={form.form} onSubmit={onSubmit}>
        <Field name="name" label={t("admin.name")} required pattern="[A-Za-z0-9._\-]{1,64}" />
        <label className={form.field}>
          <span className={form.label}>{t("admin.sources.kind")}</span>
          <select name="kind">
            {KINDS.map((kind) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </label>
        <Field name="location" label={t("admin.sources.location")} required hint={t("admin.sources.location_hint")} />
        <Field name="collection" label={t("admin.collection")} placeholder="default" />
        <Field name="groups" label={t("admin.groups")} hint={t("admin.sources.groups_hint")} />
        <Field name="schedule" label={t("admin.sources.schedule")} placeholder="30 2 * * *" />
        <div className={form.buttons}>
          <Button kind="primary" type="submit">
            {t("admin.sources.add")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

interface FieldProps {
  name: string;
  label: string;
  hint?: string;
  required?: boolean;
  pattern?: string;
  placeholder?: string;
}

function Field({ label, hint, ...rest }: FieldProps) {
  return (
    <label className={form.field}>
      <span className={form.label}>{label}</span>
      <input dir="auto" {...rest} />
      {hint && <span className={form.hint}>{hint}</span>}
    </label>
  );
}
