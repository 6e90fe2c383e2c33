/** The Chinese of server sentences: a file of its own, fetched when Chinese is wanted. */
import { sayer, type Catalog } from "./said";

const catalogs = import.meta.glob("./*.zh.json", { eager: true, import: "default" });
export const say = sayer(Object.assign({}, ...Object.values(catalogs)) as Catalog);
