/** The version of the page, put in by the build. */
declare const __CONSOLE_VERSION__: string;

declare module '*.css';
