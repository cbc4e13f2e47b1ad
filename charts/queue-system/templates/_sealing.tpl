{{/* What a user's Secret is at, so that an upgrade rolls the pods that read it. A hash of what is in it
     would let others try out what that might be. Arguments: list ROOT NAME. */}}
{{- define "queue-system.secretRevision" -}}
{{- $found := lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1) | default dict -}}
{{- with $found.metadata }}{{ .uid }}-{{ .resourceVersion }}{{ end -}}
{{- end -}}

{{/* Keys that encrypt tasks and secrets that sign requests. The API signs what it hands to listeners.
     Arguments: list ROOT COMPONENT. */}}
{{- define "queue-system.sealingEnv" -}}
{{- with (index . 0).Values.encryption }}
{{- if .existingSecret }}
- name: ENCRYPTION_KEYS
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .existingSecretKey }}
{{- end }}
{{- end }}
{{- with (index . 0).Values.signing }}
{{- if .existingSecret }}
- name: SIGNING_SECRETS
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .existingSecretKey }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "queue-system.sealingChecksum" -}}
{{- $values := (index . 0).Values -}}
{{- $names := list $values.encryption.existingSecret $values.signing.existingSecret -}}
{{- range compact $names | uniq }}{{ include "queue-system.secretRevision" (list (index $ 0) .) }}{{ end -}}
{{- end -}}
