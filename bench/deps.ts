/**
 * Third-party code of the bench, named once. Programs that are measured beside
 * Halley are named by the file that serves them.
 * @module
 */
export {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "npm:hdr-histogram-js@^3.0.1";
