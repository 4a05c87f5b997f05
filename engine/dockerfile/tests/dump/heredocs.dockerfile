FROM a
RUN <<EOF
# kept
FROM here
EOF
COPY <<-"one two" <<three /dest/
	first
	one two
second \
three
RUN 5<<A cat <<  B
a
A
b
B
ONBUILD ADD <<C /c
c
C
USER <<D
RUN ["<<E"]
