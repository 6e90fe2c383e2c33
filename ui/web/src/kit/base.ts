/** The styles of the kit below; ours come after them. */
import "@patternfly/react-core/dist/styles/base.css";
