{{/* What both processes mount: a place for temporary files, and the CA of an external Redis. */}}
{{- define "queue-system.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if and (not .Values.redis.enabled) .Values.externalRedis.tls.caSecret }}
- name: redis-ca
  secret:
    secretName: {{ .Values.externalRedis.tls.caSecret }}
    items:
      - key: {{ .Values.externalRedis.tls.caSecretKey }}
        path: {{ .Values.externalRedis.tls.caSecretKey }}
{{- end }}
{{- end -}}

{{- define "queue-system.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if and (not .Values.redis.enabled) .Values.externalRedis.tls.caSecret }}
- name: redis-ca
  mountPath: /etc/queue-system/redis-ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* Variables that come from elsewhere than the ConfigMap. Arguments: list ROOT COMPONENT. */}}
{{- define "queue-system.env" -}}
{{- $root := index . 0 -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name={{ $root.Release.Namespace }},k8s.pod.name=$(POD_NAME),service.instance.id=$(POD_NAME)
{{- include "queue-system.redisEnv" $root }}
{{- with (get $root.Values (index . 1)).extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
