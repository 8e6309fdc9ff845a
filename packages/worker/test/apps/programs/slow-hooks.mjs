// For --import: modules are resolved on another thread.
import { register } from 'node:module';

register(`data:text/javascript,export const resolve = (name, context, next) => next(name, context);`);
