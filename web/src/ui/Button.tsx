import type { ComponentProps } from "react";
import { Tooltip } from "radix-ui";
import { Icon, type IconName } from "./Icon";
import styles from "./Button.module.css";

interface ButtonProps extends ComponentProps<"button"> {
  kind?: "plain" | "primary" | "danger";
  icon?: IconName;
}

export function Button({ kind = "plain", icon, children, className = "", ...rest }: ButtonProps) {
  return (
    <button type="button" className={`${styles.button} ${styles[kind]} ${className}`} {...rest}>
      {icon && <Icon name={icon} size={16} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ComponentProps<"button">, "children"> {
  icon: IconName;
  label: string;
  size?: number;
  pressed?: boolean;
}

/** A button that shows an icon and says its label: to screen readers, and as a tooltip. */
export function IconButton({ icon, label, size = 18, pressed, className = "", ...rest }: IconButtonProps) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>
        <button
          type="button"
          className={`${styles.icon} ${className}`}
          aria-label={label}
          aria-pressed={pressed}
          {...rest}
        >
          <Icon name={icon} size={size} />
        </button>
      </Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className={styles.tooltip} sideOffset={6} collisionPadding={8}>
          {label}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
