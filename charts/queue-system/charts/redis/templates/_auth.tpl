{{- define "redis.secretName" -}}
{{- default (include "redis.fullname" .) .Values.auth.existingSecret -}}
{{- end -}}

{{/* True if Helm reaches the cluster and so knows what is in it. `helm template` and Argo CD do not:
     they may know which APIs the cluster has, but not its Secrets. */}}
{{- define "redis.connected" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "" -}}true{{- end -}}
{{- end -}}

{{/* The generated password: the one that is there, or a new one; the same in all of one rendering.
     Empty if Helm does not reach the cluster: a new one at each rendering would lock everybody out. */}}
{{- define "redis.password" -}}
{{- if not (hasKey .Values.auth "generated") -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "redis.fullname" .) | default dict -}}
{{- $kept := get ($found.data | default dict) .Values.auth.existingSecretPasswordKey -}}
{{- $new := ternary (randAlphaNum 40) "" (eq (include "redis.connected" .) "true") -}}
{{- $_ := set .Values.auth "generated" (ternary ($kept | b64dec) $new (ne $kept "")) -}}
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
