"use strict";

// The document knows no prefix under which a proxy has put the API. This page's address does.
const prefix = new URL(".", window.location.href).pathname;

fetch("openapi.json")
  .then((response) => response.json())
  .then((spec) => {
    SwaggerUIBundle({
      spec: { ...spec, servers: [{ url: prefix === "/" ? prefix : prefix.slice(0, -1) }] },
      dom_id: "#page",
      deepLinking: true,
      validatorUrl: null,
    });
  });
