/** The parts that pages are made of. Nothing outside this folder knows what lies below. */
export { Banner } from "./banner";
export { Button, LinkButton } from "./button";
export { Copyable } from "./copyable";
export { Dialog } from "./dialog";
export { Empty } from "./empty";
export { Field, Form, Select } from "./form";
export { Skeleton } from "./skeleton";
export { State, type Tone } from "./state";
export { Table, type Column } from "./table";
