"""Mutations of the Dockerfile."""

from tests.infrastructure.template_mutations.mutation import IMAGE, TemplateMutation

IMAGE_BUILD = (
    TemplateMutation("image-of-root", IMAGE, "USER 10001:10001", "USER 0:0"),
    TemplateMutation("image-on-another-port", IMAGE, "EXPOSE 8080", "EXPOSE 80"),
    TemplateMutation(
        "image-with-the-simulators",
        IMAGE,
        "COPY --from=code /app /app",
        "COPY --from=local-code /app /app",
    ),
    TemplateMutation(
        "image-of-the-local-stack",
        IMAGE,
        "FROM runtime AS production\n",
        "FROM local AS production-too\n",
    ),
    TemplateMutation("packages-without-hashes", IMAGE, " --require-hashes", ""),
    TemplateMutation(
        "image-of-whatever-is-latest", IMAGE, "python:3.13-slim-bookworm\n\n", "python:latest\n\n"
    ),
    TemplateMutation("image-stopped-otherwise", IMAGE, "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGINT"),
)
