import { type ComponentType, lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Link, Redirect } from "wouter";
import { useSession } from "../api/queries";
import { Spinner } from "../ui/Spinner";
import styles from "./Admin.module.css";
import { AuditPage } from "./AuditPage";
import { DocumentsPage } from "./DocumentsPage";
import { EvaluationsPage } from "./EvaluationsPage";
import { FeedbackPage } from "./FeedbackPage";
import { JobsPage } from "./JobsPage";
import { PeoplePage } from "./PeoplePage";
import { SettingsPage } from "./SettingsPage";
import { SourcesPage } from "./SourcesPage";

/** Editors see what is about documents, administrators everything. */
const PAGES: Record<string, { page: ComponentType; editors?: boolean }> = {
  sources: { page: SourcesPage, editors: true },
  jobs: { page: JobsPage, editors: true },
  documents: { page: DocumentsPage, editors: true },
  people: { page: PeoplePage },
  feedback: { page: FeedbackPage },
  evaluations: { page: EvaluationsPage },
  usage: { page: lazy(() => import("./UsagePage")) },
  audit: { page: AuditPage },
  settings: { page: SettingsPage },
};

export default function AdminPage({ page }: { page: string }) {
  const { t } = useTranslation();
  const role = useSession().data?.user?.role;
  const open = Object.entries(PAGES).filter(([, one]) => role === "administrator" || (role === "editor" && one.editors));
  const Shown = open.find(([name]) => name === page)?.[1].page;
  if (!Shown) return <Redirect to={open.length ? "/admin/sources" : "/"} replace />;
  return (
    <div className={styles.admin}>
      <nav className={styles.tabs} aria-label={t("admin.title")}>
        {open.map(([name]) => (
          <Link key={name} href={`/admin/${name}`} aria-current={name === page ? "page" : undefined}>
            {t(`admin.${name}.title`)}
          </Link>
        ))}
      </nav>
      <section className={styles.page} aria-label={t(`admin.${page}.title`)}>
        <Suspense fallback={<Spinner label={t("loading")} />}>
          <Shown />
        </Suspense>
      </section>
    </div>
  );
}
