{{/* The Secret with the root key; empty: the API checks no keys. */}}
{{- define "queue-system.authSecret" -}}
{{- if .Values.auth.enabled -}}
{{- default (printf "%s-auth" (include "queue-system.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* True if Helm reaches the cluster and so knows what is in it. */}}
{{- define "queue-system.connected" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "" -}}true{{- end -}}
{{- end -}}

{{/* The generated root key: the one that is there, or a new one; the same in all of one rendering.
     Empty if Helm does not reach the cluster. */}}
{{- define "queue-system.rootKey" -}}
{{- if not (hasKey .Values.auth "generated") -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "queue-system.authSecret" .) | default dict -}}
{{- $kept := get ($found.data | default dict) .Values.auth.existingSecretRootKeyKey -}}
{{- $new := ternary (printf "root_%s" (randAlphaNum 43)) "" (eq (include "queue-system.connected" .) "true") -}}
{{- $_ := set .Values.auth "generated" (ternary ($kept | b64dec) $new (ne $kept "")) -}}
{{- end -}}
{{- .Values.auth.generated -}}
{{- end -}}

{{- define "queue-system.authEnv" -}}
{{- with include "queue-system.authSecret" . }}
- name: API_ROOT_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.auth.existingSecretRootKeyKey }}
{{- end }}
{{- end -}}

{{/* Changes with the root key, so that an upgrade rolls the API. */}}
{{- define "queue-system.authChecksum" -}}
{{- if and .Values.auth.enabled .Values.auth.existingSecret -}}
{{- include "queue-system.secretRevision" (list . .Values.auth.existingSecret) -}}
{{- else if .Values.auth.enabled -}}
{{- with include "queue-system.rootKey" . }}{{ sha256sum . }}{{ end -}}
{{- end -}}
{{- end -}}
