// A client's own page: copying, and the reader's clock.

import { startActions } from "./actions.js";
import { startClocks } from "./words.js";

startActions();
startClocks();
