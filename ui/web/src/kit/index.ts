/** The parts that pages are made of. Nothing outside this folder knows what lies below. */
export { Banner } from "./banner";
export { Button, ButtonAnchor, ButtonLink } from "./button";
export { Choose } from "./choose";
export { CopyAsCli, Copyable } from "./copyable";
export { DestroyDialog, Dialog } from "./dialog";
export { Dock, dock, undock } from "./dock";
export { Drawer } from "./drawer";
export { EmptyState } from "./empty";
export { Check, Field, Form, Select } from "./form";
export { bytes, clock, duration, moment, relative, shortened } from "./format";
export { DataGrid, type Column } from "./grid";
export { Popup } from "./menu";
export { Facts, Page, Section } from "./page";
export { Problem } from "./problem";
export { Skeleton } from "./skeleton";
export { State, type Tone } from "./state";
export { Ago, Bytes, Stale, Took, useNow } from "./time";
