/* Draws the report that stands in the page. Runs in a browser; text only ever becomes text nodes. */
'use strict'
