{{- define "redis.secretName" -}}
{{- default (include "redis.fullname" .) .Values.auth.existingSecret -}}
{{- end -}}

{{/* The generated password: the one that is there, or a new one; the same in all of one rendering.
     Without a cluster nobody can tell which is there: such a rendering would lock everybody out. */}}
{{- define "redis.password" -}}
{{- if not (hasKey .Values.auth "generated") -}}
{{- if not (.Capabilities.APIVersions.Has "v1/Secret") -}}
{{- fail "redis: a password can be generated and kept only where Helm speaks with the cluster. For `helm template` and GitOps make a Secret of your own and name it in redis.auth.existingSecret." -}}
{{- end -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "redis.fullname" .) | default dict -}}
{{- $kept := get ($found.data | default dict) .Values.auth.existingSecretPasswordKey -}}
{{- $_ := set .Values.auth "generated" (ternary ($kept | b64dec) (randAlphaNum 40) (ne $kept "")) -}}
{{- end -}}
{{- .Values.auth.generated -}}
{{- end -}}

{{/* Changes with the password. A Secret of the user's own is told by its revision: a hash in an
     annotation would let others try out what a weak password might be. */}}
{{- define "redis.secretChecksum" -}}
{{- if and .Values.tls.enabled .Values.tls.existingSecret -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace .Values.tls.existingSecret | default dict -}}
{{- with $found.metadata }}{{ .uid }}-{{ .resourceVersion }}.{{ end -}}
{{- else if .Values.tls.enabled -}}
{{- include "redis.tlsData" . | sha256sum | trunc 16 }}.
{{- end -}}
{{- if .Values.auth.existingSecret -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace .Values.auth.existingSecret | default dict -}}
{{- with $found.metadata }}{{ .uid }}-{{ .resourceVersion }}{{ end -}}
{{- else -}}
{{- include "redis.password" . | sha256sum -}}
{{- end -}}
{{- end -}}
