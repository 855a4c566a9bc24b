import { Tooltip } from "radix-ui";
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Route, Switch, useLocation } from "wouter";
import styles from "./App.module.css";
import { keepSidebar, sidebarOpen } from "./account/preferences";
import { SignIn } from "./account/SignIn";
import { problemFrom } from "./api/client";
import { useConversation, useSession } from "./api/queries";
import { ChatPage } from "./chat/ChatPage";
import { OpenDocument, type Target, targetOfAddress } from "./document/opened";
import { type Command, ShortcutsDialog, useShortcuts } from "./Shortcuts";
import { Sidebar } from "./sidebar/Sidebar";
import { IconButton } from "./ui/Button";
import { ProblemNote } from "./ui/Problem";
import { Spinner } from "./ui/Spinner";

const DocumentPane = lazy(() => import("./document/DocumentPane"));
const AdminPage = lazy(() => import("./admin/AdminPage"));
const KeysPage = lazy(() => import("./account/KeysPage"));

const NARROW = "(max-width: 52rem)";

export function App() {
  const { t } = useTranslation();
  const session = useSession();
  if (session.error) {
    return (
      <main className={styles.alone}>
        <ProblemNote problem={problemFrom(session.error)} retry={() => void session.refetch()} />
      </main>
    );
  }
  if (!session.data) {
    return (
      <main className={styles.alone}>
        <Spinner label={t("loading")} />
      </main>
    );
  }
  return (
    <Tooltip.Provider delayDuration={400}>
      {session.data.user ? <House /> : <SignIn ways={session.data.sign_in} />}
    </Tooltip.Provider>
  );
}

function leadsAway(target: EventTarget): boolean {
  return matchMedia(NARROW).matches && target instanceof Element && target.closest("a, [data-leads-away]") !== null;
}

/** Everything behind the sign-in: the list, the page, and a document beside it. */
function House() {
  const { t } = useTranslation();
  const [location, navigate] = useLocation();
  const current = /^\/c\/([^/]+)/.exec(location)?.[1];
  const [listOpen, setListOpen] = useState(() => sidebarOpen() && !matchMedia(NARROW).matches);
  const [target, setTarget] = useState<Target | null>(null);
  const [help, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);

  const toggleList = useCallback((open: boolean) => {
    setListOpen(open);
    if (!matchMedia(NARROW).matches) keepSidebar(open);
  }, []);

  useEffect(() => {
    setTarget(targetOfAddress(location, window.location.search));
    if (matchMedia(NARROW).matches) setListOpen(false);
  }, [location]);

  const run = useCallback(
    (command: Command) => {
      if (command === "new") navigate("/");
      if (command === "write") document.getElementById("question")?.focus();
      if (command === "help") setHelp(true);
      if (command === "sidebar") toggleList(!listOpen);
      if (command === "search") {
        toggleList(true);
        requestAnimationFrame(() => search.current?.focus());
      }
    },
    [navigate, toggleList, listOpen],
  );
  useShortcuts(run);

  return (
    <OpenDocument value={setTarget}>
      <a className={styles.skip} href="#main">
        {t("skip")}
      </a>
      <div className={styles.house} data-list={listOpen} data-document={target !== null}>
        {listOpen && (
          <>
            {/* on a phone the list lies over the page: going anywhere puts it away, also to where one is */}
            <div className={styles.list} onClick={(event) => leadsAway(event.target) && setListOpen(false)}>
              <Sidebar
                current={current}
                search={search}
                close={() => toggleList(false)}
                shortcuts={() => setHelp(true)}
              />
            </div>
            <button type="button" className={styles.veil} aria-label={t("sidebar.close")} onClick={() => toggleList(false)} />
          </>
        )}
        <main id="main" className={styles.main} tabIndex={-1}>
          <header className={styles.header}>
            {!listOpen && <IconButton icon="menu" label={t("sidebar.open")} onClick={() => toggleList(true)} />}
            <Heading current={current} />
            {!listOpen && <IconButton icon="plus" label={t("sidebar.new")} onClick={() => navigate("/")} />}
          </header>
          <Suspense fallback={<Spinner label={t("loading")} />}>
            <Switch>
              <Route path="/admin/:page">{({ page }) => <AdminPage page={page} />}</Route>
              <Route path="/keys">
                <KeysPage />
              </Route>
              <Route path="/c/:id">{({ id }) => <ChatPage id={id} />}</Route>
              <Route>
                <ChatPage id={undefined} />
              </Route>
            </Switch>
          </Suspense>
        </main>
        {target && (
          <Suspense fallback={<aside className={styles.pane} />}>
            <DocumentPane
              key={`${target.document}:${target.start}:${target.end}`}
              className={styles.pane}
              target={target}
              close={() => setTarget(null)}
            />
          </Suspense>
        )}
      </div>
      <ShortcutsDialog open={help} onOpenChange={setHelp} />
    </OpenDocument>
  );
}

function Heading({ current }: { current: string | undefined }) {
  const { t } = useTranslation();
  const [location] = useLocation();
  const conversation = useConversation(current);
  const title = location.startsWith("/admin")
    ? t("admin.title")
    : location === "/keys"
      ? t("account.keys")
      : (conversation.data?.title ?? "");
  useEffect(() => {
    document.title = title ? `${title} · Citewell` : "Citewell";
  }, [title]);
  return (
    <h1 className={styles.title} dir="auto">
      {title || <span className="unseen">Citewell</span>}
    </h1>
  );
}
