import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { address } from "../api/client";
import { useChangeConversation, useDeleteConversation } from "../api/queries";
import type { Conversation } from "../api/types";
import { liveAnswers, useLive } from "../chat/store";
import { Button, IconButton } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Modal } from "../ui/Modal";
import menu from "../ui/Menu.module.css";
import form from "../ui/Form.module.css";
import styles from "./Sidebar.module.css";

export function ConversationRow({ conversation, current }: { conversation: Conversation; current: boolean }) {
  const { t } = useTranslation();
  const live = useLive(conversation.id);
  const [renaming, setRenaming] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const title = conversation.title || t("sidebar.untitled");
  if (renaming) return <RenameRow conversation={conversation} done={() => setRenaming(false)} />;
  return (
    <li className={styles.row} data-current={current}>
      <Link href={`/c/${conversation.id}`} aria-current={current ? "page" : undefined} dir="auto" title={title}>
        {title}
      </Link>
      {live && live.phase !== "ended" && <span className={styles.busy} role="img" aria-label={t("sidebar.busy")} />}
      <DropdownMenu.Root>
        <DropdownMenu.Trigger asChild>
          <IconButton icon="more" size={16} label={t("sidebar.actions", { title })} />
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className={menu.content} align="start" collisionPadding={8}>
            <DropdownMenu.Item className={menu.item} onSelect={() => setRenaming(true)}>
              <Icon name="edit" size={16} />
              {t("sidebar.rename")}
            </DropdownMenu.Item>
            {(["markdown", "json"] as const).map((format) => (
              <DropdownMenu.Item key={format} className={menu.item} asChild>
                <a href={address(`/conversations/${conversation.id}/export`, { format })} download>
                  <Icon name="download" size={16} />
                  {t(`sidebar.export.${format}`)}
                </a>
              </DropdownMenu.Item>
            ))}
            <DropdownMenu.Separator className={menu.separator} />
            <DropdownMenu.Item className={`${menu.item} ${menu.danger}`} onSelect={() => setDeleting(true)}>
              <Icon name="trash" size={16} />
              {t("sidebar.delete")}
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      <DeleteDialog conversation={conversation} title={title} current={current} open={deleting} setOpen={setDeleting} />
    </li>
  );
}

function RenameRow({ conversation, done }: { conversation: Conversation; done: () => void }) {
  const { t } = useTranslation();
  const change = useChangeConversation();
  const keep = (title: string) => {
    if (title && title !== conversation.title) change.mutate({ id: conversation.id, title });
    done();
  };
  return (
    <li className={styles.row}>
      <input
        className={styles.rename}
        aria-label={t("sidebar.rename")}
        defaultValue={conversation.title}
        maxLength={1000}
        dir="auto"
        autoFocus
        onBlur={(event) => keep(event.target.value.trim())}
        onKeyDown={(event) => {
          if (event.key === "Escape") done();
          if (event.key === "Enter" && !event.nativeEvent.isComposing) keep(event.currentTarget.value.trim());
        }}
      />
    </li>
  );
}

interface DeleteDialogProps {
  conversation: Conversation;
  title: string;
  current: boolean;
  open: boolean;
  setOpen: (open: boolean) => void;
}

function DeleteDialog({ conversation, title, current, open, setOpen }: DeleteDialogProps) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const remove = useDeleteConversation();
  const confirm = () => {
    liveAnswers.dismiss(conversation.id);
    remove.mutate(conversation.id, {
      onSuccess: () => {
        if (current) navigate("/");
      },
    });
    setOpen(false);
  };
  return (
    <Modal open={open} onOpenChange={setOpen} title={t("sidebar.delete_title")} description={t("sidebar.delete_hint", { title })}>
      <div className={form.buttons}>
        <Button onClick={() => setOpen(false)}>{t("cancel")}</Button>
        <Button kind="danger" icon="trash" onClick={confirm}>
          {t("sidebar.delete")}
        </Button>
      </div>
    </Modal>
  );
}
