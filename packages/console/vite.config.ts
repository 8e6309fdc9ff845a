import { defineConfig } from 'vite';
import manifest from './package.json' with { type: 'json' };
import { trimUplot } from './trim-uplot.ts';

/** Static files without one inline script or style, so that the strictest content security policy holds. */
export default defineConfig({
  base: './',
  plugins: [trimUplot()],
  define: { __CONSOLE_VERSION__: JSON.stringify(manifest.version) },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
