# syntax=docker/dockerfile:1
# escape=\

ARG VERSION=12 EMPTY= BARE QUOTED="a b"
FROM --platform=$BUILDPLATFORM debian:$VERSION AS build

MAINTAINER Somebody <some@body.example>
ENV HOME /root directory
ENV A=1 B="two words" C=three\ words \
    D='four'
LABEL org.example.title="A title" org.example.empty=
	RUN   apt-get update && \
# a comment
    apt-get install --yes \
        curl
RUN --mount=type=cache,target=/root/.cache --network="no ne" make --jobs=4
RUN ["/bin/echo", "\"quoted\"", "tab\there", "☃"]
RUN ['not', 'json']
COPY --chown=1:2 a b   c/	d/
COPY ["a b", "c d/"]
ADD http://example.org/a.tar.gz /
workdir /srv/with space
User nobody:nogroup
VOLUME /a /b
VOLUME ["/c d"]
EXPOSE 80 443/udp  8000-8010
STOPSIGNAL SIGQUIT
SHELL ["/bin/bash", "-c"]
HEALTHCHECK --interval=5s --timeout=1s CMD curl -f http://localhost/ || exit 1
HEALTHCHECK NONE
ONBUILD COPY --from=build ["x y", "/z"]
ONBUILD RUN make install
ENTRYPOINT ["/init"]
CMD []
CMD run --flag
unknown instruction here
