import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal";
import type { ReactNode } from "react";

type Props = { title: string; open: boolean; onClose: () => void; actions: ReactNode; children: ReactNode };

/** Asks for one decision. Escape and the cross leave everything as it was. */
export function Dialog({ title, open, onClose, actions, children }: Props) {
  return (
    <Modal variant="medium" isOpen={open} onClose={onClose} aria-labelledby="dialog-title" aria-describedby="dialog-body">
      <ModalHeader title={title} labelId="dialog-title" />
      <ModalBody id="dialog-body">{children}</ModalBody>
      <ModalFooter>{actions}</ModalFooter>
    </Modal>
  );
}
