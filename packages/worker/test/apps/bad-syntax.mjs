// A SyntaxError for Node, as there is no such export.
import { noSuchThing } from 'node:fs';

export default noSuchThing;
