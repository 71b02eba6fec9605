// Shows the description of the API that the page names; nothing is asked of any other server.
const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
