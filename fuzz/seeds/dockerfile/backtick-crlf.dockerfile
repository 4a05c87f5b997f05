# escape=`
FROM a
RUN dir `

  # not here
  C:\ `` \
COPY a `
 b `	 
 c
ENV X=a` b Y="c`"d"
RUN end `